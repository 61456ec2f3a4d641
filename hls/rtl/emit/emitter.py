"""The files of an RTL design: the modules of its blocks, what they share, and the top that joins them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hls.rtl.circuit import Circuit
from hls.rtl.config import RtlConfig
from hls.rtl.design import Design
from hls.rtl.emit.blocks import Block, RecurrenceBlock, plan
from hls.rtl.emit.buses import Run, join, uniform
from hls.rtl.emit.flow import steady_interval
from hls.rtl.emit.languages import LANGUAGES, Language
from hls.rtl.emit.names import check_name
from hls.rtl.emit.ports import ports
from hls.rtl.emit.stages import Pipeline

LARGE = 100_000.0
"""LUT of a recurrent layer's cells from which on Verilator is told to compile one for all of them."""


def emit(circuit: Circuit, name: str, config: RtlConfig) -> Design:
    """The RTL of a circuit, equal to `circuit.interpret` bit for bit; the same circuit gives the same bytes.

    Raises:
        ConfigError: the name is none in Verilog and VHDL, or the options ask for more than the circuit has.
        InputError: a recurrent layer whose output does not depend on its data.
    """
    check_name(name)
    blocks = plan(circuit, name, config)
    empty = Design(
        name=name,
        language=config.language,
        interface=config.interface,
        beats=config.beats,
        output_beats=config.output_beats,
        clock_ns=config.clock_ns,
        part=config.part,
        input=uniform(circuit.input, len(blocks[0].input.elements)),
        output=uniform(circuit.output, len(blocks[-1].output.elements)),
        latency_cycles=sum(block.line.cycles for block in blocks),
        interval_cycles=steady_interval([block.line for block in blocks], config.beats, config.output_beats),
        units=tuple(block.unit for block in blocks),
        files={},
    )
    language = LANGUAGES[config.language]
    files = _sources(empty, blocks, language) | _documents(empty, language)
    return replace(empty, files=files | _compiled_once(empty, blocks, language))


def _sources(design: Design, blocks: tuple[Block, ...], language: Language) -> dict[str, str]:
    """The modules by path, each after those that it is made of."""
    modules = language.sources()
    stages = [stage for block in blocks for logic in block.pipelines for stage in logic.stages]
    if tables := language.tables(stages):
        modules[f"{design.name}_tables"] = tables
    for block in blocks:
        modules.update(_modules(block, language))
    modules.update(_top(design, blocks, language))
    return {f"rtl/{module}{language.suffix}": text for module, text in modules.items()}


def _documents(design: Design, language: Language) -> dict[str, str]:
    """Constraints, parameters and the description of the ports by path."""
    source, sink = design.streams
    content = {
        "design": design,
        "prefix": design.name.upper(),
        "clock": ports(design)[0].name,
        "ports": ports(design),
        "source": source,
        "sink": sink,
    }
    return {
        path: language.render(template, **content)
        for path, template in (
            (f"rtl/{design.name}_parameters{language.header}", f"parameters{language.header}"),
            (f"{design.name}.xdc", "clock.xdc"),
            (f"{design.name}.sdc", "clock.sdc"),
            ("PORTS.md", "PORTS.md"),
        )
    }


def _compiled_once(design: Design, blocks: tuple[Block, ...], language: Language) -> dict[str, str]:
    """Verilator's settings, by path, of a design that has too many large cells to be compiled as one."""
    large = [block for block in blocks if block.unit.instances > 1 and block.unit.cost > LARGE]
    if design.language != "verilog" or not large:
        return {}
    modules = [logic.name for block in large for logic in block.pipelines if logic.registered]
    return {f"{design.name}.vlt": language.render("once.vlt", modules=modules)}


def _modules(block: Block, language: Language) -> Iterator[tuple[str, str]]:
    for logic in block.pipelines:
        yield logic.name, _pipeline(logic, language)
    if isinstance(block, RecurrenceBlock):
        content = _cell_content(block, language)
        yield f"{block.name}_cell", language.render(f"recurrence_cell{language.suffix}", **content)
        yield block.name, language.render(f"recurrence_block{language.suffix}", block=block, cells=_cells(block))
    else:
        yield block.name, language.render(f"pipeline_block{language.suffix}", block=block)


def _pipeline(logic: Pipeline, language: Language) -> str:
    stages = [language.stage(stage, f"{logic.name}_stage{i}") for i, stage in enumerate(logic.stages, 1)]
    return language.render(f"pipeline{language.suffix}", pipeline=logic, stages=stages)


def _cell_content(block: RecurrenceBlock, language: Language) -> dict[str, Any]:
    entering = [
        language.moved("projected", block.projection.output, block.projected),
        language.moved("start", block.step.output, block.states),
    ]
    return {
        "block": block,
        "projection": block.projection,
        "step": block.step,
        "slot_bits": max(1, (block.slots - 1).bit_length()),
        "enter": language.concatenated(entering),
    }


def _cells(block: RecurrenceBlock) -> list[dict[str, Any]]:
    """What tells the cells of a block apart: their steps, and the data and hidden states that others have."""
    cells = []
    for done, steps in zip(itertools.accumulate(block.shares, initial=0), block.shares, strict=False):
        cells.append(
            {
                "steps": steps,
                "rest": join([block.projection.input] * (block.n_steps - done - steps)),
                "before": join([block.hidden] * done),
                "collected": join([block.hidden] * (done + steps)),
            }
        )
    return cells


def _top(design: Design, blocks: tuple[Block, ...], language: Language) -> Iterator[tuple[str, str]]:
    core = design.name if design.interface == "handshake" else f"{design.name}_core"
    signals = ("in_data", *(f"data{i}" for i in range(1, len(blocks) + 1)))
    sources = (design.input, *(block.output for block in blocks))
    targets = (*(block.input for block in blocks), design.output)
    wires = [language.moved(*link) for link in zip(signals, sources, targets, strict=True)]
    links = [{"block": block, "wires": wire} for block, wire in zip(blocks, wires[:-1], strict=True)]
    content = {"design": design, "core": core, "links": links, "wires": wires[-1]}
    yield core, language.render(f"handshake{language.suffix}", **content)
    if design.interface == "axi4stream":
        source, sink = design.streams
        padded = language.concatenated(
            ["out_data", *([language.run("", Run("zeros", sink.padding))] if sink.padding else [])]
        )
        content |= {"source": source, "sink": sink, "padded": padded}
        yield design.name, language.render(f"axi4stream{language.suffix}", **content)
