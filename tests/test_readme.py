"""The README's table of compression is that of the page which says how it was measured."""

from __future__ import annotations

from tests.documentation import ROOT


def test_every_line_of_the_table_of_compression_stands_in_its_page() -> None:
    _, rest = (ROOT / "README.md").read_text().split("<!-- compression:begin -->")
    table, _ = rest.split("<!-- compression:end -->")
    lines = [line for line in table.splitlines() if line]
    assert sum(line.startswith("| ") for line in lines) > 10
    assert set(lines) <= set((ROOT / "docs" / "compression.md").read_text().splitlines())
