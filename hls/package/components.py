"""Where the files of a package come from, and under which licence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from hls.convert.kernels import HEADERS

TEXTS = Path(__file__).with_name("licences")


@dataclass(frozen=True)
class Component:
    """A part of a package: the SPDX identifier of its licence, and who wrote it."""

    licence: str
    written_by: str


APACHE, LGPL, NONE = "Apache-2.0", "LGPL-3.0-or-later", "NOASSERTION"
COMPONENTS = {
    "ap_types": Component(APACHE, "Xilinx, Inc. (AMD): HLS arbitrary precision types"),
    "hls4ml": Component(APACHE, "the hls4ml authors: its headers, and what it wrote for this network"),
    "alkaid": Component(LGPL, "the author of alkaid: operators in Verilog and VHDL"),
    "tagware": Component(APACHE, "the tagware authors: sources, and what they wrote for this network"),
    "licences": Component(NONE, "the texts of the licences"),
    "project": Component(NONE, "who trained this network: its weights, vectors and report"),
}
"""NOASSERTION: the licence is for whoever publishes the package to say."""
PATTERNS = (
    ("hls/firmware/ap_types/*", "ap_types"),
    ("hls/firmware/weights/*", "project"),
    *((f"hls/firmware/nnet_utils/{header}", "tagware") for header in HEADERS.values()),
    ("hls/csim/*", "tagware"),
    ("hls/vectors/*", "project"),
    ("hls/tb_data/*", "project"),
    ("hls/Makefile", "tagware"),
    ("hls/project.json", "project"),
    ("hls/*", "hls4ml"),
    ("rtl/rtl/alkaid_*", "alkaid"),
    ("rtl/*", "tagware"),
    ("testbench/*.hex", "project"),
    ("testbench/*", "tagware"),
    ("emulator/*", "tagware"),
    ("licences/*", "licences"),
    ("*", "project"),
)
"""The first that fits tells."""
NEEDED_TEXTS = {APACHE: ("Apache-2.0.txt",), LGPL: ("LGPL-3.0.txt", "GPL-3.0.txt"), NONE: ()}


def component_of(name: str) -> str:
    """The component that a file belongs to, by its path in the package."""
    return next(component for pattern, component in PATTERNS if fnmatchcase(name, pattern))


def described(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """The components that files belong to, as a manifest has them."""
    used = {component_of(name) for name in names}
    return {
        name: {"licence": part.licence, "from": part.written_by} for name, part in COMPONENTS.items() if name in used
    }


def licence_texts(names: Iterable[str]) -> dict[str, bytes]:
    """The texts of the licences of files, by path."""
    licences = {COMPONENTS[component_of(name)].licence for name in names}
    texts = sorted({text for licence in licences for text in NEEDED_TEXTS[licence]})
    return {f"licences/{text}": (TEXTS / text).read_bytes() for text in texts}
