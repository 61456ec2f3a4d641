"""Emitted designs in the simulators, against the interpreter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hls.cosim import CosimConfig, CosimResult, cosim
from hls.fixed_point import FixedType
from hls.rtl.circuit import Circuit
from hls.rtl.config import RtlConfig
from hls.rtl.design import Design
from hls.rtl.emit import emit


def random_codes(circuit: Circuit, n_jets: int, seed: int = 0) -> Any:
    """Codes (n_jets, n_inputs) of the whole range of the input's type; the first jets are all lowest and highest."""
    fixed = circuit.input
    low = -(2 ** (fixed.width - 1)) if fixed.signed else 0
    codes = np.random.default_rng(seed).integers(low, low + 2**fixed.width, (n_jets, int(np.prod(circuit.shape))))
    codes[0], codes[1] = low, low + 2**fixed.width - 1
    return codes


def answers(circuit: Circuit, codes: Any) -> Any:
    """The interpreter's output codes (n_jets, n_outputs)."""
    values = circuit.interpret((codes * circuit.input.step).reshape(len(codes), *circuit.shape))
    return codes_of(values, circuit.output)


def codes_of(values: Any, fixed: FixedType) -> Any:
    return np.rint(values / fixed.step).astype(np.int64)


def simulate(circuit: Circuit, config: RtlConfig, folder: Path, n_jets: int = 300, **of_cosim: Any) -> CosimResult:
    """A design with waits, back-pressure and a reset in mid-flight, on random jets."""
    return run(emit(circuit, "tagger", config), circuit, folder, n_jets, **of_cosim)


def run(design: Design, circuit: Circuit, folder: Path, n_jets: int = 300, **of_cosim: Any) -> CosimResult:
    """A design that should do what the circuit does."""
    codes = random_codes(circuit, n_jets)
    expected = answers(circuit, codes)
    assert len(np.unique(expected)) > 4
    config = CosimConfig(**{"reset_at": n_jets // 3, "threads": 1, **of_cosim})
    return cosim(design, codes, expected, config, folder)


def edited(design: Design, path: str, before: str, after: str) -> Design:
    """A design with one change in one of its sources."""
    assert before in design.files[path]
    return replace(design, files={**design.files, path: design.files[path].replace(before, after)})
