"""The section `design` of a report: the RTL block by block, with what synthesis says that each takes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hls.rtl.design import Design
    from hls.synth.resources import Resources
    from hls.synth.synthesis import Mapped, Synthesis


def design_section(design: Design, synthesis: Synthesis | None = None) -> dict[str, Any]:
    """Blocks in the order of the data, with widths in bits, cycles, and cells of the first family that was mapped."""
    mapped = synthesis.mapped[0] if synthesis is not None else None
    found = {unit.name: unit for unit in mapped.units} if mapped is not None else {}
    blocks = []
    for unit in design.units:
        own = found.get(unit.name)
        block = {name: value for name, value in asdict(unit).items() if name != "cost"}
        block["resources"] = None if own is None else asdict(own.resources)
        parts = own.modules.items() if own is not None else ()
        block["parts"] = [{"name": name.removeprefix(f"{unit.name}_"), **asdict(part)} for name, part in parts]
        blocks.append(block)
    return {
        "clock_ns": design.clock_ns,
        "latency_cycles": design.latency_cycles,
        "interval_cycles": design.interval_cycles,
        "input_bits": design.input.width,
        "output_bits": design.output.width,
        "blocks": blocks,
        "family": None if mapped is None else mapped.family,
        "resources": None if mapped is None else asdict(mapped.resources),
        "between": None if mapped is None else _between(mapped),
    }


def _between(mapped: Mapped) -> dict[str, int]:
    """What the top module has beside its blocks: ports and delays."""
    inside = _sum(unit.resources for unit in mapped.units)
    return {name: count - inside[name] for name, count in asdict(mapped.resources).items()}


def _sum(resources: Iterable[Resources]) -> dict[str, int]:
    counts = [asdict(each) for each in resources]
    return {name: sum(count[name] for count in counts) for name in counts[0]} if counts else {}
