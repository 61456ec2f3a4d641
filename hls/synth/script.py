"""The scripts that Yosys runs: static texts beside this file, filled with the names of a design."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hls.rtl.design import Design
from hls.templating import environment
from jets.errors import InputError

SCRIPTS = Path(__file__).with_name("scripts")
MULTIPLIER = "soft_multiplier.v"
"""What products become that take no DSP slice; stands beside the script."""
SOURCES, HEADERS = (".v", ".sv"), (".vh", ".svh")


def sources(design: Design) -> list[str]:
    """The files of a design that Yosys reads.

    Raises:
        InputError: it is in VHDL.
    """
    if design.language != "verilog":
        raise InputError(
            f"is in {design.language}, and Yosys reads Verilog",
            f"design {design.name}",
            "emit it in Verilog for synthesis; ghdl-yosys-plugin would support VHDL",
        )
    return [name for name in sorted(design.files) if Path(name).suffix in SOURCES]


def xilinx_script(design: Design, family: str, options: Sequence[str], folder: str) -> str:
    """The script that maps a design, whose files are in `folder`, to a Xilinx family.

    The modules of its units, and those below whose names begin with theirs, stay whole while they are mapped, except
    single pipeline stages.
    """
    whole = [pattern for unit in design.units for pattern in (unit.name, f"{unit.name}_*")]
    stages = [f"{unit.name}_*_stage*" for unit in design.units]
    return _render(
        "xilinx.ys.j2",
        sources=_reading(design, folder),
        top=design.name,
        whole=whole,
        stages=stages,
        family=family,
        options=options,
    )


def multiplier() -> str:
    """Verilog of `MULTIPLIER`."""
    return (SCRIPTS / MULTIPLIER).read_text()


def ecp5_script(design: Design, options: Sequence[str], folder: str) -> str:
    """The script that maps a design inside `out_of_context` to ECP5."""
    return _render(
        "ecp5.ys.j2",
        sources=[*_reading(design, folder), "out_of_context.v"],
        options=options,
    )


def out_of_context(design: Design) -> str:
    """Verilog of a design between shift registers."""
    stream = design.interface != "handshake"
    input_bits, output_bits = (each.width if stream else each.bus.width for each in design.streams)
    return _render("out_of_context.v.j2", top=design.name, stream=stream, input=input_bits, output=output_bits)


def _reading(design: Design, folder: str) -> list[str]:
    """Every source, as `read_verilog` takes it, with the folders of the headers."""
    headers = sorted({f"-I{folder}/{Path(name).parent}" for name in design.files if Path(name).suffix in HEADERS})
    return [" ".join([*headers, f"{folder}/{name}"]) for name in sources(design)]


def _render(template: str, **values: Any) -> str:
    return str(environment(SCRIPTS).get_template(template).render(**values))
