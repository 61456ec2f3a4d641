"""How each hardware language writes buses and logic: the rest of its text is in the templates of its folder."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hls.rtl.design import Bus
from hls.rtl.emit.buses import Run, repack
from hls.templating import environment

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Language:
    """Verilog, and what VHDL has in common with it.

    Attributes:
        name: of the folder with our sources, and of alkaid's code generators and sources.
        suffix, header: of a source file, and of one with constants.
    """

    name: str = "verilog"
    suffix: str = ".v"
    header: str = ".vh"

    @cached_property
    def _environment(self) -> Any:
        found = environment(HERE / self.name, HERE)
        found.filters.update(range=self.range, zeros=self.zeros)
        return found

    def render(self, template: str, **content: Any) -> str:
        """The text of a template of the language's folder."""
        return str(self._environment.get_template(template + ".j2").render(content))

    def sources(self) -> dict[str, str]:
        """Our modules that every design uses, and alkaid's other operators as it is installed, by name."""
        import alkaid.codegen.rtl as generators

        operators = Path(generators.__file__).parent / self.name / "source"
        ours, theirs = (
            {path.stem: path.read_text() for path in sorted(folder.glob(f"*{self.suffix}"))}
            for folder in (HERE / self.name, operators)
        )
        return ours | {f"alkaid_{name}": text for name, text in theirs.items() if f"tagware_{name}" not in ours}

    def stage(self, logic: Any, name: str) -> str:
        """A combinational module with ports model_inp and model_out."""
        return str(self._generator("comb").comb_logic_gen(logic, name))

    def tables(self, stages: Sequence[Any]) -> str:
        """The modules of every table that the stages look up in."""
        return str(self._generator("lookup").lookup_source(list(stages)))

    def _generator(self, module: str) -> Any:
        return importlib.import_module(f"alkaid.codegen.rtl.{self.name}.{module}")

    def range(self, bus: Bus) -> str:
        """The bits of a bus in its declaration."""
        return f"[{max(bus.width, 1) - 1}:0]"

    def zeros(self, bus: Bus) -> str:
        """A bus of zeros."""
        return f"{max(bus.width, 1)}'b0"

    def moved(self, signal: str, source: Bus, target: Bus) -> str:
        """The numbers of `signal`, packed as `source`, in the formats of `target`."""
        return self.concatenated([self.run(signal, run) for run in repack(source, target)])

    def concatenated(self, terms: Sequence[str]) -> str:
        """Terms side by side, the first in the lowest bits."""
        return "{" + ", ".join(reversed(terms)) + "}" if terms else "1'b0"

    def run(self, signal: str, run: Run) -> str:
        """Bits that come from one place."""
        if run.kind == "zeros":
            return f"{run.count}'b0"
        if run.kind == "copies":
            return f"{{{run.count}{{{signal}[{run.low}]}}}}"
        return f"{signal}[{run.low + run.count - 1}:{run.low}]"


@dataclass(frozen=True)
class Vhdl(Language):
    """VHDL-2008, in which a vector may have no bits."""

    name: str = "vhdl"
    suffix: str = ".vhd"
    header: str = ".vhd"

    def range(self, bus: Bus) -> str:
        """The bits of a bus in its declaration."""
        return f"({bus.width - 1} downto 0)"

    def concatenated(self, terms: Sequence[str]) -> str:
        """Terms side by side, the first in the lowest bits."""
        return " & ".join(reversed(terms)) or '""'

    def run(self, signal: str, run: Run) -> str:
        """Bits that come from one place."""
        if run.kind == "zeros":
            return f'"{"0" * run.count}"'
        if run.kind == "copies":
            return f"({run.count - 1} downto 0 => {signal}({run.low}))"
        return f"{signal}({run.low + run.count - 1} downto {run.low})"


LANGUAGES = {language.name: language for language in (Language(), Vhdl())}
