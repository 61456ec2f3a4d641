"""What is asked of a simulation of an RTL design."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jets.config import check_above_zero, check_at_least, check_choice
from jets.errors import ConfigError


@dataclass(frozen=True)
class CosimConfig:
    """How a design is simulated and compared.

    Attributes:
        n_jets: of the vectors that are run, from the first on; None runs all.
        gap_probability: of a wait before a transfer at the input, in the stressed pass.
        back_pressure_probability: of the output's not being taken for some cycles, for each cycle of that pass.
        reset_at: jet after which the stressed pass resets the design while jets are inside; they are sent again.
        seed: of waits, of uninitialised registers and of data that are not valid.
        trace: waveforms as VCD or FST (which needs the headers of lz4 and zlib), of both passes.
        trace_from, trace_jets: the first jet in the trace, and how many.
        threads: simulations of slices of the vectors at once; None takes the cores of this process.
        timeout_s: of the build and of each simulation.
        patience_cycles: without any transfer before the design is called dead; None derives it from its latency.
    """

    n_jets: int | None = None
    gap_probability: float = 0.2
    back_pressure_probability: float = 0.2
    reset_at: int | None = None
    seed: int = 1
    trace: Literal["none", "vcd", "fst"] = "none"
    trace_from: int = 0
    trace_jets: int = 10
    threads: int | None = None
    timeout_s: float = 3600.0
    patience_cycles: int | None = None

    def __post_init__(self) -> None:
        for key in ("gap_probability", "back_pressure_probability"):
            if not 0.0 <= getattr(self, key) < 1.0:
                raise ConfigError(f"{key} must be at least 0 and below 1, not {getattr(self, key)}", None, "try 0.2")
        check_at_least(self, n_jets=1, trace_jets=1, threads=1, patience_cycles=1, reset_at=0, trace_from=0, seed=0)
        check_choice(self, trace=("none", "vcd", "fst"))
        check_above_zero(self, "timeout_s")

    @property
    def stresses(self) -> bool:
        """Whether there is anything that the second pass would do differently."""
        return self.gap_probability > 0 or self.back_pressure_probability > 0 or self.reset_at is not None
