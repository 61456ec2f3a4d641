"""How many look-up tables Yosys takes for the primitives of the RTL, and for other ways to write the same.

    python benchmarks/yosys_mapping.py

prints the table of docs/synthesis.md: cells of look-up tables, sites when small ones share one (a lower bound), and
pieces of carry chains, UltraScale+, no DSP slices.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hls.synth.resources import combined_luts, resources
from hls.synth.script import MULTIPLIER, multiplier
from hls.tools.yosys import Yosys, parse_netlist, parse_statistics

CASES = Path(__file__).with_suffix(".v")
SYNTH = "synth_xilinx -family xcup -top top -flatten -noiopad -noclkbuf -nodsp -nobram"
SECONDS = 1800.0


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None).parse_args()
    print("| function | look-up tables | sites | CARRY4 |\n|---|---|---|---|")
    verilog = f"{CASES.read_text()}{tables()}"
    for line in measure(verilog, ours=True):
        print(line)
    for line in measure(verilog, ours=False):
        if "product" in line:
            print(line.replace(" |", " (Yosys' own way) |", 1))


def measure(verilog: str, ours: bool) -> list[str]:
    """A line for each module."""
    names = re.findall(r"^\(\* keep_hierarchy \*\) module (\w+)", verilog, re.MULTILINE)
    yosys = Yosys.find()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch:
        folder = Path(scratch)
        (folder / "cases.v").write_text(f"{verilog}{top(verilog)}")
        (folder / MULTIPLIER).write_text(multiplier())
        for path in alkaid_sources():
            shutil.copy(path, folder)
        (folder / "script.ys").write_text(script(names, ours))
        yosys.run(folder / "script.ys", folder / "run.log", SECONDS)
        statistics = parse_statistics((folder / "statistics.json").read_text(), folder)
        text = (folder / "netlist.json").read_text()
        lines = []
        for name in names:
            found = resources(statistics.total(name))
            sites = combined_luts(parse_netlist(text, name, folder))
            lines.append(f"| {name.replace('_', ' ')} | {found.lut} | {sites} | {found.carry4} |")
    return lines


def script(names: list[str], ours: bool) -> str:
    """What Yosys does, with our way of multiplying or its own."""
    mapping = f"techmap -map {MULTIPLIER}\n" if ours else ""
    return (
        f"read_verilog cases.v {' '.join(path.name for path in alkaid_sources())}\n"
        f"scratchpad -set abc9.verify 0\n{SYNTH} -run begin:coarse\n{mapping}{SYNTH} -run coarse:\n"
        f"tee -q -o statistics.json stat -json\nselect {' '.join(names)}\nwrite_json -selected netlist.json\n"
    )


def alkaid_sources() -> list[Path]:
    """The Verilog of alkaid's operations."""
    package = find_spec("alkaid")
    assert package is not None and package.origin is not None
    return sorted((Path(package.origin).parent / "codegen/rtl/verilog/source").glob("*.v"))


def top(verilog: str) -> str:
    """A module that holds one instance of each, with ports of its own."""
    ports, instances = [], []
    for name, header in re.findall(r"^\(\* keep_hierarchy \*\) module (\w+) \(([^;]*)\);", verilog, re.MULTILINE):
        signals = re.findall(r"(input|output)?\s*(?:signed|reg)?\s*(\[\d+:0\])?\s*(\w+)\s*(?:,|$)", header)
        direction, width, wires = "", "", []
        for own_direction, own_width, signal in signals:
            direction, width = own_direction or direction, own_width if own_direction else width
            ports.append(f"{direction} {width} {name}__{signal}")
            wires.append(f"{name}__{signal}")
        instances.append(f"{name} u_{name} ({', '.join(wires)});")
    return f"\nmodule top (\n{', '.join(ports)}\n);\n" + "\n".join(instances) + "\nendmodule\n"


def tables() -> str:
    """tanh as a case statement and as an array."""
    text = []
    for address_bits, value_bits in ((8, 8), (10, 10), (12, 12)):
        values = tanh_codes(address_bits, value_bits)
        head = f"(input [{address_bits - 1}:0] a, output reg [{value_bits - 1}:0] y);"
        cases = "\n".join(f"{address}: y = {value};" for address, value in enumerate(values))
        size = f"{address_bits}_to_{value_bits}_bits"
        text.append(
            f"(* keep_hierarchy *) module tanh_{size}_as_case {head}\nalways @(*) case (a)\n{cases}\nendcase\nendmodule"
        )
        entries = "\n".join(f"rom[{address}] = {value};" for address, value in enumerate(values))
        rom = f"reg [{value_bits - 1}:0] rom [0:{len(values) - 1}];\ninitial begin\n{entries}\nend"
        text.append(
            f"(* keep_hierarchy *) module tanh_{size}_as_array {head}\n{rom}\nalways @(*) y = rom[a];\nendmodule"
        )
    return "\n".join(text)


def tanh_codes(address_bits: int, value_bits: int) -> NDArray[np.int64]:
    """tanh between -4 and 4 at every address in two's complement, as an unsigned code."""
    half = 2 ** (address_bits - 1)
    inputs = (np.arange(2 * half) + half) % (2 * half) - half
    largest = 2 ** (value_bits - 1) - 1
    values = np.floor(np.tanh(4.0 * inputs / half) * 2.0 ** (value_bits - 1)).astype(np.int64)
    return np.clip(values, -largest - 1, largest) % 2**value_bits


if __name__ == "__main__":
    main()
