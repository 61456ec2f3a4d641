"""The sources of an RTL design as tools want them: VHDL in the order of use, headers by folder."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path

from hls.rtl.design import Design

HEADERS = (".vh", ".svh")
VHDL = ".vhd"
DEFINED = re.compile(r"^\s*(?:entity|package)\s+(\w+)\s+is\b", re.IGNORECASE | re.MULTILINE)
USED = re.compile(r"\bwork\.(\w+)", re.IGNORECASE)


def source_files(design: Design) -> dict[str, bytes]:
    """The files of a design by path, VHDL after what it uses: a saved design has them by name."""
    return {name: design.files[name].encode() for name in (*vhdl_in_order(design.files), *design.files)}


def header_folders(files: Mapping[str, bytes]) -> list[str]:
    """The folders of the headers."""
    return sorted({str(Path(name).parent) for name in files if Path(name).suffix in HEADERS})


def cycles_of(design: Design) -> dict[str, int]:
    """The cycles of a design, which its scheduler fixes; a fraction of a cycle between jets counts as one."""
    return {"latency_cycles": design.latency_cycles, "initiation_interval": math.ceil(design.interval_cycles)}


def vhdl_in_order(files: Mapping[str, str]) -> list[str]:
    """The VHDL among files, each after those whose entities and packages it uses."""
    vhdl = {name: text for name, text in files.items() if name.endswith(VHDL)}
    home = {unit.lower(): name for name, text in vhdl.items() for unit in DEFINED.findall(text)}
    uses = {
        name: sorted({home[unit.lower()] for unit in USED.findall(text) if unit.lower() in home} - {name})
        for name, text in vhdl.items()
    }
    return list(TopologicalSorter(uses).static_order())
