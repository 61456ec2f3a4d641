"""Training steps per second of an HGQ2 student on each Keras backend, in a process of its own each.

    python benchmarks/keras_backends.py [--backends tensorflow torch jax] [--steps N] [--batch-size N] [--timeout S]
        [--json FILE]

The student is JEDI-linear of 16 particles, its loss binary cross entropy and the cost of its bits, the step that of
`compress.fit`, compiled as the backend does it by default and without XLA ("jit" and "plain"). Steps are counted after
a warm-up; the best of three rounds, by the wall clock and by the processor time that was really had. A backend that is
not installed is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from jets.files import write_json

BACKENDS = ("tensorflow", "torch", "jax")
ROUNDS = 3
WARM_UP = 5


def measure(compiled: bool, n_steps: int, batch_size: int) -> dict[str, float]:
    """Steps per second of the backend that Keras runs on."""
    import keras
    import numpy as np

    from compress.fit import adam
    from compress.quantize import hgq2
    from models.students.feed_forward import ParticleSpec

    keras.utils.set_random_seed(1)
    spec = ParticleSpec("jedi_linear", n_constituents=16, features=3, particle=(32, 32), dense=(32,))
    model = hgq2.build_quantized(spec, hgq2.HgqBits(), 1)

    def loss(labels: Any, logits: Any) -> Any:
        return keras.losses.binary_crossentropy(labels, logits, from_logits=True) + 1e-7 * hgq2.cost(model)

    model.compile(optimizer=adam(1e-3), loss=loss, jit_compile="auto" if compiled else False)
    rng = np.random.default_rng(1)
    jets = rng.normal(0.0, 1.0, (batch_size, *spec.input_shape)).astype(np.float32)
    labels = rng.integers(0, 2, (batch_size, 1)).astype(np.float32)
    for _ in range(WARM_UP):
        model.train_on_batch(jets, labels)
    walls, cores = [], []
    for _ in range(ROUNDS):
        wall, core = time.perf_counter(), time.process_time()
        for _ in range(n_steps):
            float(model.train_on_batch(jets, labels))
        walls.append(time.perf_counter() - wall)
        cores.append(time.process_time() - core)
    return {"steps_per_second": n_steps / min(walls), "steps_per_core_second": n_steps / min(cores)}


def in_a_process(backend: str, compiled: bool, options: argparse.Namespace) -> dict[str, float] | None:
    """The measurement in a fresh interpreter with KERAS_BACKEND set; None where it fails."""
    command = [sys.executable, __file__, "--one", "jit" if compiled else "plain"]
    command += ["--steps", str(options.steps), "--batch-size", str(options.batch_size)]
    folders = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(folders)}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=options.timeout
        )
    except subprocess.TimeoutExpired:
        print(f"{backend}: not finished after {options.timeout:g} s", file=sys.stderr)
        return None
    if done.returncode:
        print(f"{backend}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}", file=sys.stderr)
        return None
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> int:
    """Print a row a backend, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds a backend may take, compilation included")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", choices=("jit", "plain"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one == "jit", options.steps, options.batch_size)))
        return 0
    rows: dict[str, Any] = {}
    for backend in options.backends:
        if importlib.util.find_spec(backend) is None:
            print(f"{backend} is not installed", file=sys.stderr)
            continue
        for way in ("plain", "jit"):
            if (found := in_a_process(backend, way == "jit", options)) is not None:
                rows[f"{backend}, {way}"] = found
                print(
                    f"{backend:>10}, {way:<5} {found['steps_per_second']:8.1f} steps/s "
                    f"{found['steps_per_core_second']:8.1f} a core-second",
                    flush=True,
                )
    if options.json:
        write_json(options.json, {"machine": platform.machine(), "cores": os.cpu_count(), "rows": rows})
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main())
