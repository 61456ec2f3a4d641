"""Training steps of our PET and of the omnilearned package's network, both at the package's small size.

    python benchmarks/teacher_throughput.py [--threads 1] [--batch 64]

prints jets a second, the median of rounds in turn, and the peak memory of a process that does nothing else.
"""

from __future__ import annotations

import argparse
import statistics
import time
from functools import partial

import torch
from apart import apart
from torch.nn.functional import binary_cross_entropy_with_logits

from models.registry import architecture

SMALL = {"n_constituents": 32, "neighbours": 10, "width": 128, "heads": 8, "blocks": 8}
THROUGHPUT = {"pet": SMALL, "omnilearned": SMALL | {"tokens": 4, "head_blocks": 2}}
WARM_UP_STEPS, STEPS, ROUNDS = 2, 6, 3


def steps(name: str, batch: int, threads: int) -> tuple[int, float]:
    """Train on random jets of 32 constituents: how many parameters, and jets a second."""
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    design = architecture(name)
    network = design.build(design.config_class(**THROUGHPUT[name]), 1).train()
    features = torch.randn(batch, 32, 13)
    given = {"features": features, "jet": torch.randn(batch, 4), "mask": torch.ones(batch, 32, dtype=torch.bool)}
    if name == "omnilearned":
        given = {"data": features[..., :4], "pid": torch.randint(1, 9, (batch, 32))}
    learning = [weights for weights in network.parameters() if weights.requires_grad]
    optimizer = torch.optim.AdamW(learning, 1e-4)
    begun = 0.0
    for step in range(WARM_UP_STEPS + STEPS):
        if step == WARM_UP_STEPS:
            begun = time.perf_counter()
        optimizer.zero_grad()
        binary_cross_entropy_with_logits(network(**given)[:, 0], torch.arange(batch) % 2.0).backward()
        optimizer.step()
    return sum(weights.numel() for weights in learning), STEPS * batch / (time.perf_counter() - begun)


def throughput(batch: int, threads: int) -> None:
    """Print the median of some rounds, each network in a process of its own."""
    found: dict[str, list[tuple[tuple[int, float], float]]] = {name: [] for name in THROUGHPUT}
    for _ in range(ROUNDS):
        for name, rounds in found.items():
            rounds.append(apart(partial(steps, name, batch, threads)))
    print("network | parameters | jets/s | of each round | peak MB", flush=True)
    for name, rounds in found.items():
        trained, memory = zip(*rounds, strict=True)
        parameters, rates = zip(*trained, strict=True)
        each = ", ".join(f"{rate:.0f}" for rate in rates)
        print(f"{name} | {parameters[0]:,} | {statistics.median(rates):.0f} | {each} | {max(memory):.0f}", flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    throughput(options.batch, options.threads)


if __name__ == "__main__":
    main()
