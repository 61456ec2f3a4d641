"""A known circuit that a Verilator has to simulate rightly before it is trusted."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from hls.cosim.bench import Bench
from hls.cosim.config import CosimConfig
from hls.cosim.packing import Codes
from hls.cosim.vectors import Stimuli, code_ranges
from hls.cosim.verilator import CPP, PROGRAM, Verilator, cache
from hls.rtl.design import Bus, Design, Element
from jets.errors import ToolFailed
from jets.files import write_json

N_VECTORS = 2000
SECONDS = 600.0


def check(verilator: Verilator) -> None:
    """Simulate the known circuit, unless this very program has passed before on this machine.

    Raises:
        ToolFailed: it does not build the circuit, or gives a wrong bit.
    """
    passed = cache() / f"verilator-{verilator.digest()[:16]}.json"
    if passed.is_file():
        return
    inputs, expected = known_answers()
    with tempfile.TemporaryDirectory(prefix="tagware-self-test-") as scratch:
        folder = Path(scratch)
        simulator = verilator.build(known_circuit(), folder, "none", SECONDS)
        config = CosimConfig(threads=1)
        bench = Bench(known_circuit(), simulator, config, folder, Stimuli({"known": inputs}), expected)
        results = [bench.run("stream", stressed=False).result(), bench.run("stressed", stressed=True).result()]
    for result in results:
        if result.n_mismatch or result.failure:
            what = f"version {verilator.version} of verilator simulates a known circuit wrongly"
            raise ToolFailed(f"{what}: {result.failure or result.first_mismatch}", verilator.argv[0], PROGRAM.remedy)
    write_json(passed, {"program": verilator.argv[0], "version": verilator.version, "n_vectors": N_VECTORS})


def known_circuit() -> Design:
    """The circuit of `cpp/known_circuit.v`."""
    return Design(
        name="known_circuit",
        language="verilog",
        interface="handshake",
        beats=1,
        clock_ns=5.0,
        part="any",
        input=_bus((12, True), (12, True), (12, False), (12, False)),
        output=_bus((12, True), (21, True), (20, False), (36, False), (8, False), (13, True)),
        latency_cycles=2,
        interval_cycles=1.0,
        units=(),
        files={"known_circuit.v": (CPP / "known_circuit.v").read_text()},
    )


def known_answers() -> tuple[Codes, Codes]:
    """Inputs (N_VECTORS, 4) of the known circuit and its outputs (N_VECTORS, 6), in Python's integers."""
    rng, (low, high) = np.random.default_rng(5), code_ranges(known_circuit().input)
    inputs = rng.integers(low, high, (N_VECTORS, 4), np.int64, endpoint=True)
    inputs >>= rng.integers(0, 11, inputs.shape)
    inputs[:2] = low, high
    return inputs, np.array([_answer(*map(int, row)) for row in inputs])


def _answer(a: int, b: int, c: int, d: int) -> list[int]:
    saturated = max(-2048, min(2047, (a * b + 16) >> 5))
    difference = a * 32 - c
    word = (a & 4095) | (b & 4095) << 12 | c << 24 | d << 36
    wide = word | word << 48 | word << 96
    cut = (wide >> (d & 127)) & 0xFFFFF
    turned = ((wide << (c & 63)) & (2**144 - 1)) ^ (wide >> (b & 63))
    folded = (turned >> 108 ^ turned >> 72 ^ turned >> 36 ^ turned) & (2**36 - 1)
    index = max(0, min(63, saturated))
    mixed = (a if a < b else -b) + (c & 15)
    return [saturated, difference, cut, folded, (index * index * 37 + 11) % 256, mixed]


def _bus(*types: tuple[int, bool]) -> Bus:
    elements, lsb = [], 0
    for width, signed in types:
        elements.append(Element(lsb, width, 0, signed))
        lsb += width
    return Bus(tuple(elements))
