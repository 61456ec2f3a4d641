"""Codes to the words that travel on a bus, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hls.rtl.design import Bus, Design, Stream

Codes = NDArray[np.int64]
Words = NDArray[np.uint32]

CHUNK = 4096


@dataclass(frozen=True)
class Port:
    """A data port: the bus of one jet cut into `beats` transfers, each padded to `width` bits."""

    name: str
    bus: Bus
    beats: int
    width: int

    @property
    def beat_bits(self) -> int:
        """Bits of the bus in one transfer."""
        return Stream(self.bus, self.beats).part

    @property
    def words(self) -> int:
        """32-bit words of one transfer."""
        return math.ceil(self.width / 32)

    def pack(self, codes: Codes) -> Words:
        """The words (n_jets, beats, words) of codes (n_jets, n_elements)."""
        chunks = [self._pack(codes[start : start + CHUNK]) for start in range(0, len(codes), CHUNK)]
        return np.concatenate([np.zeros((0, self.beats, self.words), np.uint32), *chunks])

    def unpack(self, words: Words) -> Codes:
        """The codes (n_jets, n_elements) of words (n_jets, beats, words)."""
        chunks = [self._unpack(words[start : start + CHUNK]) for start in range(0, len(words), CHUNK)]
        return np.concatenate([np.zeros((0, len(self.bus.elements)), np.int64), *chunks])

    def signal(self, element: int) -> str:
        """Where an element is found on the port, e.g. ``out_data[23:12]`` or ``m_axis_tdata[7:0] of transfer 2``."""
        place = self.bus.elements[element]
        first, last = place.lsb // self.beat_bits, (place.lsb + place.width - 1) // self.beat_bits
        low = place.lsb - first * self.beat_bits
        if self.beats == 1:
            return f"{self.name}[{low + place.width - 1}:{low}]"
        high = place.lsb + place.width - 1 - last * self.beat_bits
        if first == last:
            return f"{self.name}[{high}:{low}] of transfer {first + 1}"
        return f"{self.name} from bit {low} of transfer {first + 1} to bit {high} of transfer {last + 1}"

    def _pack(self, codes: Codes) -> Words:
        bits = np.zeros((len(codes), self.beats * self.beat_bits), np.uint8)
        for element, values in zip(self.bus.elements, codes.T, strict=True):
            places = np.arange(element.width)
            bits[:, element.lsb : element.lsb + element.width] = (values[:, None] >> places) & 1
        padded = np.zeros((len(codes), self.beats, 32 * self.words), np.uint8)
        padded[:, :, : self.beat_bits] = bits.reshape(len(codes), self.beats, self.beat_bits)
        return np.packbits(padded, axis=2, bitorder="little").view("<u4")

    def _unpack(self, words: Words) -> Codes:
        padded = np.unpackbits(np.ascontiguousarray(words, "<u4").view(np.uint8), axis=2, bitorder="little")
        bits = padded[:, :, : self.beat_bits].reshape(len(words), -1)
        codes = np.zeros((len(words), len(self.bus.elements)), np.int64)
        for element, values in zip(self.bus.elements, codes.T, strict=True):
            weights = np.int64(1) << np.arange(element.width)
            if element.signed:
                weights[-1:] *= -1
            values[:] = bits[:, element.lsb : element.lsb + element.width] @ weights
        return codes


def ports(design: Design) -> tuple[Port, Port]:
    """The input's and the output's data port of a design's top module."""
    if design.interface == "handshake":
        return (
            Port("in_data", design.input, 1, design.input.width),
            Port("out_data", design.output, 1, design.output.width),
        )
    source, sink = design.streams
    return (
        Port("s_axis_tdata", source.bus, source.beats, source.width),
        Port("m_axis_tdata", sink.bus, sink.beats, sink.width),
    )
