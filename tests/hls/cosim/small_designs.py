"""Small designs written by hand, with what they must answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hls.cosim.packing import Codes
from hls.rtl.design import Bus, Design, Element

FOLDER = Path(__file__).parent / "designs"
FAULTS = ("none", "wrong_bit", "lost", "dead", "falling_valid", "changing_data", "late", "twice", "unknown")


def bus(n_elements: int, width: int, signed: bool = True) -> Bus:
    return Bus(tuple(Element(i * width, width, 0, signed) for i in range(n_elements)))


def design(name: str, input_: Bus, output: Bus, **changes: Any) -> Design:
    values: dict[str, Any] = {
        "name": name,
        "language": "verilog",
        "interface": "handshake",
        "beats": 1,
        "clock_ns": 5.0,
        "part": "any",
        "input": input_,
        "output": output,
        "latency_cycles": 3,
        "interval_cycles": 1.0,
        "units": (),
        "files": {f"{name}.v": (FOLDER / f"{name}.v").read_text()},
    }
    return Design(**{**values, **changes})


def sum_difference(**changes: Any) -> Design:
    return design("sum_difference", bus(2, 8), bus(2, 9), **changes)


def pairs(n_jets: int, fault: str = "none", at: int = 0, seed: int = 0) -> tuple[Codes, Codes]:
    """Inputs (n_jets, 2) and the right outputs; the jet `at` awakes a fault."""
    rng = np.random.default_rng(seed)
    inputs = rng.integers(-127, 128, (n_jets, 2))
    if fault != "none":
        inputs[at] = -128, FAULTS.index(fault)
    return inputs, np.stack([inputs[:, 0] + inputs[:, 1], inputs[:, 0] - inputs[:, 1]], axis=1)


def product_sum(**changes: Any) -> Design:
    stream = {"interface": "axi4stream", "beats": 3, "output_beats": 3, "latency_cycles": 1, "interval_cycles": 5.0}
    return design("product_sum", bus(4, 6), bus(2, 12), **{**stream, **changes})


def quadruples(n_jets: int, wrong_last: int | None = None, seed: int = 0) -> tuple[Codes, Codes]:
    """Inputs (n_jets, 4) and the right outputs; tlast is wrong for the jet `wrong_last`."""
    inputs = np.random.default_rng(seed).integers(-31, 32, (n_jets, 4))
    if wrong_last is not None:
        inputs[wrong_last, 0] = -32
    return inputs, np.stack([inputs[:, 0] * inputs[:, 1], inputs[:, 2] + inputs[:, 3]], axis=1)
