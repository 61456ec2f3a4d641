"""csim against the simulated RTL of full-size recurrent taggers, static and unrolled, on at least 100,000 vectors.

    python benchmarks/rtl.py FOLDER --cell gru --arithmetic exact --cells 1 --vectors 100000

The student has fresh weights, which use more of its codes than trained ones. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from compress.quantize.exact import ExactBits
from compress.quantize.exact import build_quantized as build_exact
from compress.quantize.qkeras import Bits
from compress.quantize.qkeras import build_quantized as build_qkeras
from hls.convert import convert_student
from hls.convert.graph import build_graph
from hls.convert.plan import plan_layers
from hls.cosim import CosimConfig, cosim, stimuli
from hls.csim import build
from hls.project import HlsConfig
from hls.rtl import trace
from hls.rtl.config import RtlConfig
from hls.rtl.emit import emit
from models.keras_start import start_keras
from models.students.recurrent import RecurrentSpec


def student(options: argparse.Namespace) -> Any:
    """The quantized tagger, 20 constituents of 6 features."""
    import keras

    keras.utils.set_random_seed(options.seed)
    spec = RecurrentSpec(cell=options.cell, arithmetic=options.arithmetic)
    if options.arithmetic == "exact":
        return build_exact(spec, ExactBits(), 1)
    return build_qkeras(spec, Bits(state=(12, 4)) if options.cell == "lstm" else Bits(), 1)


def main() -> None:
    """Convert, compile, emit, simulate, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cell", choices=("gru", "lstm"), default="gru")
    parser.add_argument("--arithmetic", choices=("exact", "qkeras"), default="exact")
    parser.add_argument("--cells", type=int, default=1, help="1 is static, 20 unrolled")
    parser.add_argument("--interleave", type=int, default=1)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start_keras()
    model, hls = student(options), HlsConfig()
    compiled = build(convert_student(model, hls, options.folder / "firmware", "fresh weights"))
    circuit = trace(build_graph(model, plan_layers(model, hls), hls, options.folder / "firmware"))
    design = emit(circuit, hls.name, RtlConfig(cells=options.cells, interleave=options.interleave))
    no_jets = np.zeros((0, len(design.input.elements)), np.int64)
    sent = stimuli(design.input, circuit.shape, no_jets, options.vectors, options.seed)
    expected = compiled.predict_codes(sent.codes)
    interpreted = circuit.interpret((sent.codes * circuit.input.step).reshape(-1, *circuit.shape))
    result = cosim(design, sent, expected, CosimConfig(reset_at=len(sent) // 2), options.folder / "cosim")
    found = {
        "student": f"{options.arithmetic} {options.cell}, {options.cells} cells, {options.interleave} jets at once",
        "vectors": len(sent),
        "interpreter differs": int(np.count_nonzero((interpreted / circuit.output.step != expected).any(axis=1))),
        "RTL differs": result.n_mismatch,
        "complaints": result.complaints(),
        "latency_cycles": result.latency_cycles,
        "interval_cycles": result.interval_cycles,
        "different outputs": len(np.unique(expected)),
        "logic cost": round(sum(unit.cost * unit.instances for unit in design.units)),
        "build_seconds": round(result.build_seconds, 1),
        "jets_per_second": round(result.stream.jets_per_second),
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
