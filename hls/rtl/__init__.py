"""Firmware as fixed-point operations: hls4ml's graph traced, bit for bit what its C++ computes."""

from hls.rtl.circuit import Circuit
from hls.rtl.trace import find_alkaid, trace

__all__ = ["Circuit", "find_alkaid", "trace"]
