"""A circuit as RTL: stages with registers, sequencers for recurrent cells, ports, constraints and their description."""

from hls.rtl.emit.emitter import emit

__all__ = ["emit"]
