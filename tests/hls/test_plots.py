"""Names of taggers never hide or squeeze what a plot shows."""

from __future__ import annotations

import pytest

from hls.plots import canvas, name_above

LONG = "jets5_jedi_linear_seed_3_bits_8_pruned_and_fine_tuned: the quantized student of May"


@pytest.mark.parametrize("names", [["csim"], [f"project_{n} student_quantized" for n in range(12)], [LONG, "$x"]])
def test_the_legend_stands_above_the_axis_within_the_figure_and_leaves_it_its_size(names: list[str]) -> None:
    with canvas(4.4, 3.6) as figure:
        axis = figure.subplots()
        for name in names:
            axis.plot([0, 1], [0, 1], label=name.replace("$", r"\$"))
        figure.draw_without_rendering()
        before = axis.get_window_extent()
        name_above(figure, axis)
        figure.draw_without_rendering()
        (legend,) = figure.legends
        box, after = legend.get_window_extent(), axis.get_window_extent()
    assert len(legend.get_texts()) == len(names)
    assert box.y0 > after.y1 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1
    assert after.width == pytest.approx(before.width, rel=0.02)
    assert after.height == pytest.approx(before.height, rel=0.08)
