"""Training steps of our PET and of the omnilearned package's network, both at the package's small size.

    python benchmarks/teacher_throughput.py [--threads 1] [--batch 64]

prints jets a second, the median of rounds in turn, and the peak memory of a process that does nothing else.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from typing import Any

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from models.registry import architecture

SMALL = {"n_constituents": 32, "neighbours": 10, "width": 128, "heads": 8, "blocks": 8}
THROUGHPUT = {"pet": SMALL, "omnilearned": SMALL | {"tokens": 4, "head_blocks": 2}}
WARM_UP_STEPS, STEPS, ROUNDS = 2, 6, 3


def steps(name: str, batch: int, threads: int, answer: Any) -> None:
    """Train on random jets of 32 constituents; sends parameters, jets a second and the peak memory in MB."""
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
    rate = STEPS * batch / (time.perf_counter() - begun)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answer.put((sum(weights.numel() for weights in learning), rate, memory))


def throughput(batch: int, threads: int) -> None:
    """Print the median of some rounds, each network in a process of its own."""
    context = multiprocessing.get_context("spawn")
    answers: dict[str, list[tuple[int, float, float]]] = {name: [] for name in THROUGHPUT}
    for _ in range(ROUNDS):
        for name, found in answers.items():
            answer = context.Queue()
            process = context.Process(target=steps, args=(name, batch, threads, answer))
            process.start()
            found.append(answer.get())
            process.join()
    print("network | parameters | jets/s | of each round | peak MB", flush=True)
    for name, found in answers.items():
        parameters, rates, memory = zip(*found, strict=True)
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
