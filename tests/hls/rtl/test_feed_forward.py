"""Dense chains: what the traced operations give is what the C++ gives, for every rounding, overflow and table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hls.fixed_point import FixedType
from hls.rtl import trace
from hls.rtl.casts import new_values
from hls.rtl.tables import Table, look_up
from hls.rtl.trace import _logic
from jets.errors import DataError
from tests.hls.rtl.firmware import Changes, Firmware, build_chain, firmware_of, graph_of
from tests.hls.rtl.values import every_value, narrow_types


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    return firmware_of(build_chain(), tmp_path_factory.mktemp("chain") / "project")


def test_a_dense_chain_equals_its_csim_on_random_and_corner_vectors(chain: Firmware) -> None:
    assert chain.n_mismatch() == 0


LOSSY: Changes = {
    "features": {"types": {"result": FixedType(9, 4)}},
    "dense_0": {"types": {"accum": FixedType(11, 4), "result": FixedType(9, 4, True, "RND", "WRAP")}},
    "relu_0": {"types": {"result": FixedType(7, 2, False, "RND_CONV", "WRAP")}},
    "scores": {"types": {"accum": FixedType(9, 3, True, "RND"), "result": FixedType(9, 3)}},
    "scores_q": {"types": {"result": FixedType(7, 3, True, "TRN", "SAT")}},
}
SATURATING: Changes = {
    "features": {"types": {"result": FixedType(9, 4, False, "RND", "SAT")}},
    "dense_0": {"types": {"result": FixedType(9, 4, True, "RND", "SAT")}},
    "relu_0": {"types": {"result": FixedType(6, 2, True, "RND", "SAT")}},
    "scores": {"types": {"accum": FixedType(10, 3, True, "RND_CONV"), "result": FixedType(8, 3)}},
    "scores_q": {"types": {"result": FixedType(6, 2, True, "RND_CONV", "SAT_SYM")}},
}
FINE_TABLES: Changes = {
    "relu_0": {"activation": "sigmoid", "table_size": 256, "types": {"table": FixedType(12, 2)}},
    "scores_q": {
        "activation": "tanh",
        "table_size": 512,
        "types": {"table": FixedType(10, 1, True, "RND_CONV", "SAT")},
    },
}
COARSE_TABLES: Changes = {
    "dense_0": {"types": {"result": FixedType(8, 6)}},
    "relu_0": {
        "activation": "tanh",
        "table_size": 1024,
        "types": {"result": FixedType(13, 1), "table": FixedType(14, 1)},
    },
    "scores": {"types": {"result": FixedType(8, 6)}},
    "scores_q": {
        "activation": "sigmoid",
        "table_size": 1024,
        "types": {"result": FixedType(14, 1), "table": FixedType(14, 1)},
    },
}


@pytest.mark.parametrize("changes", [LOSSY, SATURATING, FINE_TABLES, COARSE_TABLES])
def test_products_that_are_rounded_types_that_overflow_and_tables_equal_csim(changes: Changes, tmp_path: Path) -> None:
    assert firmware_of(build_chain(seed=3), tmp_path / "project", changes).n_mismatch() == 0


def test_one_wrong_weight_is_seen(chain: Firmware) -> None:
    weight = chain.graph.graph["dense_0"].weights["weight"]
    original = weight.data.copy()
    try:
        weight.data = original.copy()
        weight.data[3, 2] += -(2.0**-7) if weight.data[3, 2] > 0 else 2.0**-7
        assert chain.n_mismatch(trace(chain.graph)) > 0
    finally:
        weight.data = original
    assert chain.n_mismatch(trace(chain.graph)) == 0


@pytest.mark.parametrize(
    ("layer", "role", "fixed"),
    [
        ("relu_0", "result", FixedType(8, 3, False, "TRN", "SAT")),
        ("scores_q", "result", FixedType(12, 5, True, "RND_CONV", "WRAP")),
        ("scores", "accum", FixedType(14, 5)),
    ],
)
def test_one_wrong_type_is_seen(chain: Firmware, layer: str, role: str, fixed: FixedType) -> None:
    wrong = graph_of(build_chain(), {layer: {"types": {role: fixed}}})
    assert chain.n_mismatch(trace(wrong)) > 0


@settings(max_examples=60, deadline=None)
@given(narrow_types, st.integers(4, 8), st.sampled_from([4, 8]))
def test_every_value_finds_its_entry_in_a_table(source: FixedType, size_bits: int, limit: int) -> None:
    table = Table(np.random.default_rng(0).permutation(2.0**-4 * np.arange(2**size_bits)), limit)
    inputs = new_values(1, source)
    logic = _logic(("table",), inputs, look_up(inputs, table))
    values = every_value(source)
    assert np.array_equal(logic.predict(values[:, None], n_threads=1)[:, 0], table.at(values))


@pytest.mark.parametrize("inputs", [np.zeros((3, 7)), np.full((3, 8), np.nan), np.zeros(8)])
def test_inputs_of_another_shape_or_not_finite_are_refused(chain: Firmware, inputs: np.ndarray) -> None:  # type: ignore[type-arg]
    with pytest.raises(DataError, match=r"shape|NaN"):
        chain.circuit.interpret(inputs)
