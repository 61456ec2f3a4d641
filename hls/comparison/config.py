"""What is asked of a comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from jets.config import check_at_least
from jets.errors import ConfigError

MOST_BINS = 1000


@dataclass(frozen=True)
class Budget:
    """What a firmware tagger may cost at most; None sets no limit."""

    lut: int | None = None
    dsp: int | None = None
    latency_ns: float | None = None

    def __post_init__(self) -> None:
        for key, limit in self.limits().items():
            if not 0 <= limit < math.inf:
                what = f"{key} must not be negative or infinite, not {limit:g}"
                raise ConfigError(what, None, "leave it out to set no limit")

    def limits(self) -> dict[str, float]:
        """The limits that are set, by resource."""
        limits = {"lut": self.lut, "dsp": self.dsp, "latency_ns": self.latency_ns}
        return {key: limit for key, limit in limits.items() if limit is not None}


@dataclass(frozen=True)
class RobustnessConfig:
    """Variations of the inputs, each on the same `n_jets` test jets (0: none at all).

    Attributes:
        drop: probabilities with which each constituent is lost.
        smear_pt: relative widths by which the pT of each constituent is smeared.
        smear_angle: widths by which deta and dphi of each constituent are smeared.
        bit_flips: one random bit of a firmware's input registers flipped in every jet, through its C simulation.
    """

    n_jets: int = 10_000
    drop: tuple[float, ...] = (0.02, 0.1)
    smear_pt: tuple[float, ...] = (0.1,)
    smear_angle: tuple[float, ...] = (0.005,)
    bit_flips: bool = True

    def __post_init__(self) -> None:
        if self.n_jets < 0:
            raise ConfigError(f"n_jets must not be negative, not {self.n_jets}", None, "0 leaves the variations out")
        for probability in self.drop:
            if not 0 < probability < 1:
                raise ConfigError(f"drop must be within (0, 1), not {probability}", None, "e.g. 0.02")
        for width in (*self.smear_pt, *self.smear_angle):
            if not width > 0:
                raise ConfigError(f"a width of smearing must be positive, not {width}", None, "e.g. 0.1")


@dataclass(frozen=True)
class CompareConfig:
    """What is measured, and the budget that the winner must keep.

    Attributes:
        signal_efficiencies: where background rejection is quoted.
        working_point: the signal efficiency of the cut whose decisions are studied; one of `signal_efficiencies`.
        background: classes that make up the background; empty: classes[0] of two, else all but the signal.
        jet_rate_khz: rate of background jets before the tagger, shared out by the jets' weights.
        rate_budget_khz: what the tagger may let through of it.
        n_bins: bins of pT, eta and multiplicity, with equally many jets each.
        n_replicas: bootstrap replicas behind every error, seeded with `seed`.
    """

    signal_efficiencies: tuple[float, ...] = (0.3, 0.5, 0.8)
    working_point: float = 0.5
    background: tuple[str, ...] = ()
    jet_rate_khz: float = 1000.0
    rate_budget_khz: float = 10.0
    n_bins: int = 8
    n_replicas: int = 200
    seed: int = 1
    budget: Budget = field(default_factory=Budget)
    robustness: RobustnessConfig = field(default_factory=RobustnessConfig)

    def __post_init__(self) -> None:
        for efficiency in self.signal_efficiencies:
            if not 0 < efficiency < 1:
                raise ConfigError(f"signal efficiency {efficiency} is not within (0, 1)", None, "use 0.3, 0.5 or 0.8")
        if self.working_point not in self.signal_efficiencies:
            known = ", ".join(map(str, self.signal_efficiencies))
            raise ConfigError(
                f"working_point {self.working_point} is none of signal_efficiencies", None, f"use one of {known}"
            )
        if not 0 < self.rate_budget_khz <= self.jet_rate_khz < math.inf:
            what = f"rate_budget_khz {self.rate_budget_khz:g} is not within the jet rate of {self.jet_rate_khz:g} kHz"
            raise ConfigError(what, None, "both are positive numbers, and the budget is the smaller one")
        check_at_least(self, n_bins=1, n_replicas=2, seed=0)
        if self.n_bins > MOST_BINS:
            raise ConfigError(f"n_bins must be at most {MOST_BINS}, not {self.n_bins}", None, "8 can be read in a plot")
