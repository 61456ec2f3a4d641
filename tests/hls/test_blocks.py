"""The RTL block by block: the section of the report, and its diagram and table on the page."""

from __future__ import annotations

import html
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from hls.blocks import design_section
from hls.compare import Scores
from hls.render import render_html
from hls.report import Report, plain
from hls.rtl.design import Unit
from hls.synth.resources import Resources, UnitResources
from hls.synth.synthesis import Mapped, Synthesis
from jets.errors import LayoutError
from tests.hls.synth.designs import squares

CELL, HEAD = Resources(lut=2222, ff=333, carry4=44), Resources(lut=1111, ff=99, carry4=7, dsp=3)
DESIGN = replace(
    squares(),
    latency_cycles=145,
    interval_cycles=140.0,
    units=(
        Unit("squares_recurrence0", ("rnn",), "recurrence", 2, 143, 140.0, 960, 120, 100.0),
        Unit("squares_pipeline1", ("dense_0", "relu_0"), "pipeline", 1, 2, 1.0, 120, 16, 50.0),
    ),
)


def synthesis() -> Synthesis:
    """Two blocks, and 10 LUT between them."""
    parts = {"squares_recurrence0_projection": Resources(lut=200), "squares_recurrence0_step": Resources(lut=911)}
    units = (
        UnitResources("squares_recurrence0", ("rnn",), 100.0, CELL, parts),
        UnitResources("squares_pipeline1", ("dense_0", "relu_0"), 50.0, HEAD, {"squares_pipeline1_logic": HEAD}),
    )
    whole = Resources(lut=3343, ff=432, carry4=51, dsp=3)
    mapped = Mapped("xcup", True, False, whole, 3000, units, None, 1.0)
    return Synthesis("squares", "0", "xcvu13p", 5.0, 145, 140.0, {"yosys": "0.70"}, (mapped,))


@pytest.fixture
def sections(top_sections: dict[str, Any]) -> dict[str, Any]:
    layers = [
        {"name": name, "kind": kind, "precisions": {"result": f"fixed<{bits},3>", "weight": "fixed<8,1>"}}
        for name, kind, bits in (("rnn", "GRU", 11), ("dense_0", "Dense", 12), ("relu_0", "Activation", 13))
    ]
    section = design_section(DESIGN, synthesis())
    return {**top_sections, "project": "squares", "precision": layers, "design": section}


def page_of(sections: dict[str, Any], scores: Scores, folder: Path) -> str:
    page = render_html(Report.build(**sections), scores, {}, folder / "report.html").read_text()
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page.partition("</style>")[2])))


def test_blocks_have_their_widths_cycles_cells_and_parts() -> None:
    section = design_section(DESIGN, synthesis())
    first, second = section["blocks"]
    assert (first["name"], first["instances"], first["latency_cycles"]) == ("squares_recurrence0", 2, 143)
    assert (first["input_bits"], first["output_bits"], second["output_bits"]) == (960, 120, 16)
    assert first["resources"] == asdict(CELL) and second["resources"] == asdict(HEAD)
    assert [part["name"] for part in first["parts"]] == ["projection", "step"]
    assert section["resources"]["lut"] == 3343 and section["between"] == {**asdict(Resources()), "lut": 10}
    assert (section["input_bits"], section["output_bits"]) == (DESIGN.input.width, DESIGN.output.width)


def test_a_design_without_synthesis_has_no_counts() -> None:
    section = design_section(DESIGN)
    assert section["resources"] is section["between"] is section["family"] is None
    assert all(block["resources"] is None and block["parts"] == [] for block in section["blocks"])


def test_a_report_keeps_the_section_and_does_without(sections: dict[str, Any], tmp_path: Path) -> None:
    report = Report.load(Report.build(**sections).save(tmp_path / "report.json"))
    assert report.design == plain(design_section(DESIGN, synthesis()))
    without = Report.build(**{name: value for name, value in sections.items() if name != "design"})
    assert "design" not in without.to_json()
    assert Report.load(without.save(tmp_path / "without.json")).design is None


@pytest.mark.parametrize(("key", "value"), [("kind", "systolic"), ("latency_cycles", -1), ("resources", {"lut": 1})])
def test_a_block_that_is_none_is_refused_by_its_place(sections: dict[str, Any], key: str, value: Any) -> None:
    first, *rest = sections["design"]["blocks"]
    design = {**sections["design"], "blocks": [{**first, key: value}, *rest]}
    with pytest.raises(LayoutError, match=r"design\.blocks\[0\]"):
        Report.build(**{**sections, "design": design})


def test_the_page_draws_every_block_and_counts_every_layer(
    sections: dict[str, Any], top_scores: Scores, tmp_path: Path
) -> None:
    text = page_of(sections, top_scores, tmp_path)
    diagram, table = text.partition("RTL design")[2].partition("Precision per layer")[0].split("Layer Kind", 1)
    blocks = "in 960 bits recurrence0 ↻ 2 cells rnn fixed<11,3> 143 cycles, interval 140 2,222 LUT, 333 FF 120 bits"
    assert blocks in diagram
    assert "pipeline1 dense_0 fixed<12,3> relu_0 fixed<13,3> 2 cycles, interval 1 1,111 LUT, 99 FF, 3 DSP" in diagram
    assert "145 cycles of 5 ns, one jet every 140 cycles" in diagram
    assert "rnn GRU fixed<11,3> recurrence0 143 140 2,222 333 44 0 0" in table
    assert "step (each of 2) 911 0 0 0 0" in table
    assert "dense_0 Dense fixed<12,3> pipeline1 2 1 1,111 99 7 3 0" in table
    assert "Between the blocks 10 0 0 0 0" in table and "Design 145 140 3,343 432 51 3 0" in table
    assert "UltraScale+" in table


def test_the_page_shows_a_design_that_was_not_synthesised(
    sections: dict[str, Any], top_scores: Scores, tmp_path: Path
) -> None:
    text = page_of({**sections, "design": design_section(DESIGN)}, top_scores, tmp_path)
    assert "rnn GRU fixed<11,3> recurrence0 143 140 –" in text and "netlist" not in text.partition("RTL design")[2]
    del sections["design"]
    assert "RTL design" not in page_of(sections, top_scores, tmp_path)
