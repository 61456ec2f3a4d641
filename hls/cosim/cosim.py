"""Simulation of an RTL design on stored vectors: every output bit compared, every cycle counted."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from hls.cosim.bench import Bench
from hls.cosim.config import CosimConfig
from hls.cosim.packing import Codes
from hls.cosim.result import CosimResult
from hls.cosim.self_test import check
from hls.cosim.simulator import Simulator
from hls.cosim.vectors import Stimuli, code_ranges
from hls.cosim.verilator import Verilator, find_verilator
from hls.cosim.vhdl import Ghdl, Nvc, build, find_vhdl_simulator
from hls.rtl.design import Bus, Design
from jets.errors import ConfigError, DataError
from jets.files import claim_folder, replacing

RESULT, OUTPUTS = "cosim.json", "outputs.npy"
"""The result, and the output codes (n_jets, n_outputs) of the full stream (zero where a jet did not come out)."""


def cosim(design: Design, vectors: Stimuli | Codes, expected: Codes, config: CosimConfig, folder: Path) -> CosimResult:
    """Simulate a design on vectors (n_jets, n_inputs) and compare with the expected outputs (n_jets, n_outputs).

    All are codes in the order of the elements: value = code / 2**fraction_bits. Two passes: a full stream without
    waits, which shows latency and interval, and one with random gaps, back-pressure and the reset. `folder` keeps the
    compiled simulator for the next call, the logs, the traces, the output codes of the first pass (`outputs.npy`) and
    the result (`cosim.json`). What differs is in the result; nothing is raised for it.

    Raises:
        DataError: the codes have another shape than the design's buses, or are out of range.
        ConfigError: the jet of the reset or of the trace is not among the vectors.
        ToolNotFound: there is no simulator for the design's language, or no C++ compiler.
        ToolFailed: the design cannot be compiled, or the simulation crashed.
        StorageError: the folder is not ours, or cannot be written.
    """
    named = vectors if isinstance(vectors, Stimuli) else Stimuli({"vectors": np.asarray(vectors)})
    stimuli = named.first(config.n_jets)
    wanted = np.asarray(expected)[: config.n_jets]
    _check(design, stimuli.codes, wanted)
    _check_jets(config, len(stimuli))
    folder = claim_folder(folder)
    start = time.perf_counter()
    simulator = _simulator(design, config, folder)
    build_seconds = time.perf_counter() - start
    bench = Bench(design, simulator, config, folder, stimuli, wanted)
    stream = bench.run("stream", stressed=False)
    stressed = bench.run("stressed", stressed=True) if config.stresses else None
    differs = stream.differs if stressed is None else stream.differs | stressed.differs
    result = CosimResult(
        tool=simulator.tool,
        tool_version=simulator.version,
        design=design.digest,
        n_vectors=len(stimuli),
        groups=stimuli.sizes,
        n_mismatch=int(np.count_nonzero(differs)),
        interval_cycles=stream.interval(),
        scheduled_latency_cycles=design.latency_cycles,
        scheduled_interval_cycles=design.interval_cycles,
        stream=stream.result(),
        stressed=None if stressed is None else stressed.result(),
        build_seconds=build_seconds,
    )
    with replacing(folder / OUTPUTS) as temporary, open(temporary, "wb") as file:
        np.save(file, stream.got)
    result.save(folder / RESULT)
    return result


def find_simulator(language: str) -> Verilator | Ghdl | Nvc:
    """The simulator for "verilog" or "vhdl".

    Raises:
        ToolNotFound: it is not installed, or too old.
    """
    return find_vhdl_simulator() if language == "vhdl" else find_verilator()


def _simulator(design: Design, config: CosimConfig, folder: Path) -> Simulator:
    found = find_simulator(design.language)
    if not isinstance(found, Verilator):
        return build(found, design, folder, config.trace != "none", config.timeout_s)
    check(found)
    return found.build(design, folder, config.trace, config.timeout_s)


def _check(design: Design, codes: Codes, expected: Codes) -> None:
    if len(codes) == 0 or len(codes) != len(expected):
        raise DataError(f"{len(codes)} vectors and {len(expected)} expected outputs", "cosim", "give one for one")
    for what, bus, values in (("input", design.input, codes), ("expected output", design.output, expected)):
        _check_bus(what, bus, values)


def _check_bus(what: str, bus: Bus, codes: Codes) -> None:
    if codes.ndim != 2 or codes.shape[1] != len(bus.elements) or codes.dtype.kind not in "iu":
        found = f"{what} codes of shape {codes.shape} and type {codes.dtype}"
        raise DataError(found, "cosim", f"the design has integers (n_jets, {len(bus.elements)})")
    low, high = code_ranges(bus)
    beyond = (codes < low) | (codes > high)
    if beyond.any():
        jet, element = map(int, np.argwhere(beyond)[0])
        found = f"{what} {element} of jet {jet} is {codes[jet, element]}, outside {low[element]} … {high[element]}"
        raise DataError(found, "cosim", "give codes of the design's types")


def _check_jets(config: CosimConfig, n_jets: int) -> None:
    for key in ("reset_at", "trace_from"):
        value = getattr(config, key)
        if value is not None and value >= n_jets:
            raise ConfigError(f"{key} is {value}, and there are {n_jets} vectors", None, "name an earlier jet")
