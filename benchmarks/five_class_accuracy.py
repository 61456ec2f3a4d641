"""Five-class accuracy of a plain 64-32-32 network on the 16 high-level features: how the detector cards are calibrated.

    python benchmarks/five_class_accuracy.py none light cms --n-per-class 12000 --folder OUT

simulates g, q, W, Z, t jets with each card (or takes the file of an earlier run from the folder), trains on 60 % of
them with early stopping on 10 % and prints the accuracy on the other 30 %. Published for the same network and features
on the public hls4ml LHC jets: about .76 (arXiv:1804.06913). Those have a narrow pT around 1 TeV: so has the default.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from jets.dataset import Jets, JetsFile
from jets.simulate import SimulateConfig, simulate

CLASSES = ("g", "q", "W", "Z", "t")


def inputs(jets: Jets, mean: np.ndarray | None = None, deviation: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
    """Standardised features (n_jets, 16) and the mean and deviation used."""
    assert jets.high_level is not None
    mean = jets.high_level.mean(axis=0) if mean is None else mean
    deviation = jets.high_level.std(axis=0) + 1e-9 if deviation is None else deviation
    return np.clip((jets.high_level - mean) / deviation, -10, 10), mean, deviation


def train(x: torch.Tensor, y: torch.Tensor, x_check: torch.Tensor, y_check: torch.Tensor, seed: int) -> torch.nn.Module:
    """The network after the epoch with the smallest validation loss."""
    torch.manual_seed(seed)
    widths = (x.shape[1], 64, 32, 32)
    layers: list[torch.nn.Module] = []
    for before, after in pairwise(widths):
        layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], len(CLASSES)))
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=4)
    loss = torch.nn.CrossEntropyLoss()
    best, best_state, waited = float("inf"), network.state_dict(), 0
    while waited < 15:
        for rows in torch.randperm(len(x)).split(256):
            optimizer.zero_grad()
            loss(network(x[rows]), y[rows]).backward()
            optimizer.step()
        with torch.no_grad():
            value = float(loss(network(x_check), y_check))
        schedule.step(value)
        waited += 1
        if value < best:
            best, best_state, waited = value, {k: v.clone() for k, v in network.state_dict().items()}, 0
    network.load_state_dict(best_state)
    return network


def accuracy_of(path: Path, seed: int = 1) -> tuple[float, float, int, np.ndarray]:
    """Test accuracy, its binomial error, the number of training jets and the accuracy of each class."""
    file = JetsFile(path)
    parts = {name: file.read(name) for name in ("train", "validation", "test")}
    x, mean, deviation = inputs(parts["train"])
    tensors = {name: torch.from_numpy(inputs(jets, mean, deviation)[0]) for name, jets in parts.items()}
    labels = {name: torch.from_numpy(jets.labels.astype(np.int64)) for name, jets in parts.items()}
    network = train(torch.from_numpy(x), labels["train"], tensors["validation"], labels["validation"], seed)
    with torch.no_grad():
        right = (network(tensors["test"]).argmax(axis=1) == labels["test"]).numpy()
    accuracy = float(right.mean())
    each = np.array([right[parts["test"].labels == k].mean() for k in range(len(CLASSES))])
    return accuracy, float(np.sqrt(accuracy * (1 - accuracy) / len(right))), len(x), each


def main() -> None:
    """Simulate, train and print one line a detector card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("detectors", nargs="+")
    parser.add_argument("--n-per-class", type=int, default=12_000)
    parser.add_argument("--pt-gev", type=float, nargs=2, default=(950.0, 1050.0))
    parser.add_argument("--folder", type=Path, default=Path("five_class"))
    parser.add_argument("--processes", type=int, default=None)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for detector in options.detectors:
        low, high = options.pt_gev
        config = SimulateConfig(
            CLASSES, options.n_per_class, (low, high), n_constituents=16, high_level=True, detector=detector
        )
        path = options.folder / f"{Path(detector).stem}-{low:g}-{high:g}-{options.n_per_class}.h5"
        if not path.is_file():
            simulate(config, path, options.processes)
        accuracy, error, n_train, each = accuracy_of(path)
        by_class = " ".join(f"{name} {value:.3f}" for name, value in zip(CLASSES, each, strict=True))
        print(
            f"{detector:10s} accuracy {accuracy:.4f} ± {error:.4f}  ({n_train} training jets)  {by_class}", flush=True
        )


if __name__ == "__main__":
    main()
