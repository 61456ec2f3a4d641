"""Vivado HLS, the predecessor of Vitis HLS: the same steps and reports, called `vivado_hls -f`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hls.tools.tool import Program, Tool, find
from hls.tools.vitis_hls import VitisHls

INSTALL = "AMD Vivado 2019.2 or 2020.1, and source its settings64.sh"
VIVADO_HLS = Program("vivado_hls", INSTALL, "2018.2", version_arguments=("-version",))


@dataclass(frozen=True)
class VivadoHls(VitisHls):
    """The steps of `VitisHls` by `vivado_hls`."""

    name: ClassVar[str] = "vivado_hls"

    def find(self) -> Tool:
        """`vivado_hls`."""
        return find(VIVADO_HLS, self.config.prefix)
