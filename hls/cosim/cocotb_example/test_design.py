"""cocotb tests of any design: jets in with random gaps, outputs out under random back-pressure, every bit compared.

Run by `hls.cosim.cocotb_example.run.run_cocotb`. Copy this file and add tests of your own: everything below a
`@cocotb.test()` runs against the same design, one after another.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from hls.cosim.cocotb_example.run import DESIGN, VECTORS
from hls.cosim.packing import Port, Words, ports
from hls.rtl.design import Design

WAIT = 0.3
RESET_CYCLES = 4


class Pins:
    """The pins of one data port: ``in_…`` and ``out_…``, or ``s_axis_t…`` and ``m_axis_t…``."""

    def __init__(self, dut: Any, port: Port) -> None:
        prefix = port.name.removesuffix("data")
        self.valid, self.ready, self.data = (getattr(dut, prefix + pin) for pin in ("valid", "ready", "data"))
        self.last = getattr(dut, prefix + "last") if prefix.endswith("_t") else None


class Bench:
    """A design under reset and clock, with its vectors."""

    def __init__(self, dut: Any) -> None:
        self.design = Design.load(Path(os.environ[DESIGN]))
        self.input, self.output = ports(self.design)
        with np.load(os.environ[VECTORS], allow_pickle=False) as vectors:
            self.inputs, self.expected = vectors["inputs"], vectors["expected"]
        stream = self.design.interface == "axi4stream"
        self.clock = dut.aclk if stream else dut.clk
        self.reset, self.active = (dut.aresetn, 0) if stream else (dut.rst, 1)
        self.source, self.sink = Pins(dut, self.input), Pins(dut, self.output)

    async def start(self) -> None:
        """Clock and reset."""
        self.source.valid.value = self.sink.ready.value = 0
        self.reset.value = self.active
        Clock(self.clock, round(1000 * self.design.clock_ns), unit="ps").start()
        for _ in range(RESET_CYCLES):
            await FallingEdge(self.clock)
        self.reset.value = 1 - self.active

    async def send(self, rng: random.Random) -> None:
        """Send all jets; what is valid stays until it is taken."""
        for jet in self.input.pack(self.inputs):
            for beat, words in enumerate(jet):
                while rng.random() < WAIT:
                    await self._offer(False)
                self.source.data.value = int.from_bytes(words.tobytes(), "little")
                if self.source.last is not None:
                    self.source.last.value = beat == len(jet) - 1
                while not await self._offer(True):
                    pass
        await self._offer(False)

    async def receive(self, rng: random.Random) -> Words:
        """The words (n_jets, beats, words) of all jets."""
        taken: list[bytes] = []
        while len(taken) < len(self.expected) * self.output.beats:
            ready = rng.random() >= WAIT
            self.sink.ready.value = ready
            await ReadOnly()
            if ready and self.sink.valid.value == 1:
                taken.append(int(self.sink.data.value).to_bytes(4 * self.output.words, "little"))
            await FallingEdge(self.clock)
        return np.frombuffer(b"".join(taken), "<u4").reshape(-1, self.output.beats, self.output.words)

    async def _offer(self, valid: bool) -> bool:
        """One cycle with `valid` as it is; whether a transfer happened."""
        self.source.valid.value = valid
        await ReadOnly()
        taken = valid and self.source.ready.value == 1
        await FallingEdge(self.clock)
        return bool(taken)


@cocotb.test(timeout_time=1, timeout_unit="sec")
async def every_jet_comes_out_as_expected(dut: Any) -> None:
    """All vectors, with random gaps and back-pressure."""
    bench = Bench(dut)
    await bench.start()
    cocotb.start_soon(bench.send(random.Random(1)))
    got = bench.output.unpack(await bench.receive(random.Random(2)))
    differs = np.argwhere(got != bench.expected)
    assert not len(differs), f"jet {differs[0][0]}, output {differs[0][1]}: {got[tuple(differs[0])]}"
