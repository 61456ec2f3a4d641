"""The sources of an RTL design as the vendors' tools want them: VHDL in the order of use, headers by folder."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path

from hls.rtl.design import Design

HEADERS = (".vh", ".svh")
VHDL = ".vhd"
DEFINED = re.compile(rb"^\s*(?:entity|package)\s+(\w+)\s+is\b", re.IGNORECASE | re.MULTILINE)
USED = re.compile(rb"\bwork\.(\w+)", re.IGNORECASE)


def source_files(design: Design) -> dict[str, bytes]:
    """The files of a design by path, VHDL after what it uses: a saved design has them by name."""
    files = {name: text.encode() for name, text in design.files.items()}
    return {name: files[name] for name in (*_vhdl_in_order(files), *files)}


def header_folders(files: Mapping[str, bytes]) -> list[str]:
    """The folders of the headers."""
    return sorted({str(Path(name).parent) for name in files if Path(name).suffix in HEADERS})


def cycles_of(design: Design) -> dict[str, int]:
    """The cycles of a design, which its scheduler fixes; a fraction of a cycle between jets counts as one."""
    return {"latency_cycles": design.latency_cycles, "initiation_interval": math.ceil(design.interval_cycles)}


def _vhdl_in_order(files: Mapping[str, bytes]) -> list[str]:
    vhdl = {name: text for name, text in files.items() if name.endswith(VHDL)}
    home = {unit.lower(): name for name, text in vhdl.items() for unit in DEFINED.findall(text)}
    uses = {
        name: sorted({home[unit.lower()] for unit in USED.findall(text) if unit.lower() in home} - {name})
        for name, text in vhdl.items()
    }
    return list(TopologicalSorter(uses).static_order())
