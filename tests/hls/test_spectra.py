"""Spectra hold what they are given, and are drawn as they are."""

from __future__ import annotations

import numpy as np

from hls.plots import canvas
from hls.spectra import draw_spectrum, shares, spectrum

EDGES = [0.0, 1.0, 2.0, 4.0]
STYLE = {"color": "#d55e00", "linestyle": (0, (6, 2)), "linewidth": 1.6}


def test_errors_are_those_of_the_jets_and_add_in_quadrature_when_classes_are_mixed() -> None:
    counted = shares(EDGES, [16, 0, 48])
    assert counted.values().tolist() == [0.25, 0.0, 0.75]
    assert np.allclose(np.sqrt(counted.variances()), [4 / 64, 0.0, np.sqrt(48) / 64], rtol=1e-12)
    mixed = 0.75 * counted + 0.25 * spectrum(EDGES, [0.5, 0.5, 0.0], [0.2, 0.1, 0.0])
    assert np.allclose(mixed.values(), [0.3125, 0.125, 0.5625], rtol=1e-12)
    assert np.isclose(mixed.variances()[0], (0.75 / 16) ** 2 + 0.05**2, rtol=1e-12)
    assert shares(EDGES, [0, 0, 0]).values().tolist() == [0.0, 0.0, 0.0]


def test_a_drawn_spectrum_has_its_steps_and_a_bar_of_one_standard_deviation_where_it_is_known() -> None:
    values, errors = [0.5, np.nan, 0.3], [0.1, 0.2, np.nan]
    with canvas(3, 3) as figure:
        axis = figure.subplots()
        draw_spectrum(axis, spectrum(EDGES, values, errors), "csim", STYLE)
        (steps,), (bars,) = axis.patches, axis.collections
        assert np.array_equal(steps.get_data().values, values, equal_nan=True)
        assert steps.get_data().edges.tolist() == EDGES
        assert np.allclose(bars.get_segments()[0], [[0.5, 0.4], [0.5, 0.6]], rtol=1e-12)
        assert [text.get_text() for text in axis.legend().get_texts()] == ["csim"]


def test_a_name_that_the_font_lacks_draws_without_a_warning() -> None:
    with canvas(3, 3) as figure:
        axis = figure.subplots()
        draw_spectrum(axis, spectrum(EDGES, [1, 2, 3], [0, 0, 0]), "日本", STYLE)
        axis.legend()
        figure.draw_without_rendering()
