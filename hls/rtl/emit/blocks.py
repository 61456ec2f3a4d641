"""The blocks of a circuit with their logic cut into stages, and in how many cycles they do their work."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from hls.rtl.circuit import Circuit, FeedForward, Recurrence
from hls.rtl.config import RtlConfig
from hls.rtl.design import Bus, Unit
from hls.rtl.emit.buses import join, part
from hls.rtl.emit.delays import SEQUENCER
from hls.rtl.emit.flow import Line, steady_interval
from hls.rtl.emit.stages import Pipeline, pipeline, split
from jets.errors import ConfigError, InputError


@dataclass(frozen=True)
class PipelineBlock:
    """Feed-forward layers: a new jet every cycle."""

    name: str
    layers: tuple[str, ...]
    logic: Pipeline

    @property
    def line(self) -> Line:
        """What jets see of it."""
        return Line(self.logic.cycles)

    @property
    def pipelines(self) -> tuple[Pipeline, ...]:
        """Its logic."""
        return (self.logic,)

    @property
    def input(self) -> Bus:
        """The values of one jet that enter."""
        return self.logic.input

    @property
    def output(self) -> Bus:
        """The values of one jet that leave."""
        return self.logic.output

    @property
    def unit(self) -> Unit:
        """Its line in the design's table."""
        return _unit(self, "pipeline", 1)


@dataclass(frozen=True)
class RecurrenceBlock:
    """A recurrent layer: a chain of cells, each of which does its share of the steps.

    Attributes:
        projection: what a step makes of its data alone; runs ahead of the cell.
        step: the rest of a step, from the projection's results and the states to the new states.
        shares: steps of each cell, the largest first, so that no jet waits for a later cell.
        slots: jets that a cell works on in turn.
        hidden: the states that are the layer's output, the first of those that a step gives.
        sequences: whether the hidden states of all steps leave, or those of the last.
    """

    name: str
    layers: tuple[str, ...]
    projection: Pipeline
    step: Pipeline
    shares: tuple[int, ...]
    slots: int
    hidden: Bus
    sequences: bool

    @property
    def pipelines(self) -> tuple[Pipeline, ...]:
        """Its logic."""
        return (self.projection, self.step)

    @property
    def n_steps(self) -> int:
        """Of all cells."""
        return sum(self.shares)

    @property
    def input(self) -> Bus:
        """The values of one jet that enter."""
        return join([self.projection.input] * self.n_steps)

    @property
    def output(self) -> Bus:
        """The values of one jet that leave."""
        return join([self.hidden] * (self.n_steps if self.sequences else 1))

    @cached_property
    def projected(self) -> Bus:
        """The inputs of a step that come from the projection."""
        return part(self.step.input, 0, len(self.projection.output.elements))

    @cached_property
    def states(self) -> Bus:
        """The inputs of a step that come from the step before."""
        return part(self.step.input, len(self.projection.output.elements))

    @property
    def line(self) -> Line:
        """What jets see of it: a jet keeps a slot of the first cell for that cell's share of the steps."""
        turn = self.step.cycles
        return Line(self.projection.cycles + self.n_steps * turn, turn, self.shares[0], self.slots)

    @property
    def unit(self) -> Unit:
        """Its line in the design's table."""
        return _unit(self, "recurrence", len(self.shares))


Block = PipelineBlock | RecurrenceBlock


def plan(circuit: Circuit, name: str, config: RtlConfig) -> tuple[Block, ...]:
    """The blocks of a design called `name`.

    Raises:
        ConfigError: more cells than steps, or more jets interleaved than a cell has stages.
        InputError: a recurrent layer whose output does not depend on its data.
    """
    blocks: list[Block] = []
    for index, block in enumerate(circuit.blocks):
        if isinstance(block, FeedForward):
            own = f"{name}_pipeline{index}"
            # A design of nothing but wires would offer a result before it took the jet.
            n_stages = 1 if len(circuit.blocks) == 1 and block.logic.cost == 0 else None
            logic = pipeline(f"{own}_logic", block.logic, config.longest_path, n_stages)
            blocks.append(PipelineBlock(own, block.layers, logic))
        else:
            blocks.append(_recurrence(block, f"{name}_recurrence{index}", config))
    return tuple(blocks)


def _recurrence(block: Recurrence, name: str, config: RtlConfig) -> RecurrenceBlock:
    layer = f"layer {', '.join(block.layers)}"
    first, rest = split(block.logic, block.logic.shape[0] - block.n_states)
    if not first.out_idxs:
        raise InputError("its output does not depend on its input", layer, "leave it out")
    behind_sequencer = config.longest_path - min(SEQUENCER, config.longest_path / 2)
    projection = pipeline(f"{name}_projection", first, behind_sequencer, config.projection_stages)
    at_least = 1 if rest.cost == 0 else None
    step = pipeline(f"{name}_step", rest, config.longest_path, config.cell_stages or at_least)
    if config.cells > block.n_steps:
        raise ConfigError(f"{config.cells} cells for {block.n_steps} steps", layer, "use as many as steps at most")
    if config.interleave > step.cycles:
        what = f"interleave {config.interleave} is more than the {step.cycles} stages of its cell"
        raise ConfigError(what, layer, "lower it or raise cell_stages")
    whole, more = divmod(block.n_steps, config.cells)
    shares = (whole + 1,) * more + (whole,) * (config.cells - more)
    hidden = part(step.output, 0, block.n_units)
    return RecurrenceBlock(name, block.layers, projection, step, shares, config.interleave, hidden, block.sequences)


def _unit(block: Block, kind: str, instances: int) -> Unit:
    return Unit(
        name=block.name,
        layers=block.layers,
        kind=kind,
        instances=instances,
        latency_cycles=block.line.cycles,
        interval_cycles=steady_interval([block.line]),
        input_bits=block.input.width,
        output_bits=block.output.width,
        cost=instances * sum(logic.cost for logic in block.pipelines),
    )
