"""Stored inputs and golden outputs of a firmware project, as integer codes in two text files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.csim.library import CompiledProject, code_range
from hls.csim.sources import MAKE_VECTORS, n_values
from hls.probes import corner_codes, padded_normal
from hls.project import Tensor
from jets.errors import DataError, LayoutError
from jets.files import existing_file, replacing

INPUTS, GOLDEN = "inputs", "golden"
MAGIC = ("tagware-vectors", "1")
OUT_OF_RANGE = 1e6


@dataclass(frozen=True)
class Vectors:
    """Inputs (n_vectors, n_inputs) and golden outputs (n_vectors, n_outputs) as codes, value = code / 2**fraction.

    On disk `inputs.txt` and `golden.txt` have a header line ``tagware-vectors 1 KIND N_VECTORS N_VALUES WIDTH FRACTION
    SIGNED TYPE`` and then one line of integers a vector.

    Raises:
        DataError: no vectors, or different numbers of inputs and outputs.
    """

    inputs: NDArray[np.int64]
    golden: NDArray[np.int64]

    def __post_init__(self) -> None:
        if len(self.inputs) == 0 or len(self.inputs) != len(self.golden):
            raise DataError(f"{len(self.inputs)} inputs and {len(self.golden)} outputs", "vectors", "give one for one")

    def __len__(self) -> int:
        return len(self.inputs)

    @classmethod
    def of(cls, compiled: CompiledProject, inputs: NDArray[Any]) -> Vectors:
        """The codes of inputs (n_jets, …) and what the compiled firmware makes of them."""
        codes = compiled.encode(inputs)
        return cls(codes, compiled.predict_codes(codes))

    def save(self, folder: Path, input_: Tensor, output: Tensor) -> Path:
        """Write `inputs.txt` and `golden.txt` into `folder`; the same vectors give the same bytes."""
        for kind, codes, tensor in ((INPUTS, self.inputs, input_), (GOLDEN, self.golden, output)):
            with replacing(folder / f"{kind}.txt") as temporary:
                np.savetxt(temporary, codes, fmt="%d", header=_header(kind, len(codes), tensor), comments="")
        return folder

    @classmethod
    def load(cls, folder: Path, input_: Tensor, output: Tensor) -> Vectors:
        """Read what `save` wrote for a firmware of the same types.

        Raises:
            InputError: a file is not there.
            LayoutError: a file is damaged, or of a firmware with other types.
        """
        return cls(*(_read(folder / f"{kind}.txt", kind, t) for kind, t in ((INPUTS, input_), (GOLDEN, output))))


def probe_inputs(tensor: Tensor, n_random: int, seed: int) -> NDArray[np.float32]:
    """Corner cases, then `n_random` random inputs, (n, *shape), for any firmware whose input is `tensor`.

    Corners: those of `hls.probes.corner_codes`, and far out of range on both sides. Random: half uniform over all
    codes, half like jets of unit width whose constituents end at a random one.
    """
    rng = np.random.default_rng(seed)
    step = 2.0**-tensor.fraction_bits
    limits = code_range(tensor)
    corners = np.concatenate(list(corner_codes(tensor.shape, *limits).values())) * step
    beyond = np.stack([np.full(tensor.shape, OUT_OF_RANGE), np.full(tensor.shape, -OUT_OF_RANGE)])
    uniform = rng.integers(*limits, (n_random // 2, *tensor.shape), endpoint=True) * step
    jets = padded_normal(rng, n_random - len(uniform), tensor.shape)
    inputs: NDArray[np.float32] = np.concatenate([corners, beyond, uniform, jets]).astype(np.float32)
    return inputs


def _header(kind: str, n_vectors: int, tensor: Tensor) -> str:
    numbers = (n_vectors, n_values(tensor), tensor.width, tensor.fraction_bits, int(tensor.signed))
    return " ".join([*MAGIC, kind, *map(str, numbers), tensor.precision.replace(" ", "")])


def _read(path: Path, kind: str, tensor: Tensor) -> NDArray[np.int64]:
    try:
        header, _, body = existing_file(path, "file of vectors", MAKE_VECTORS).read_text().partition("\n")
        n_vectors = int(header.split()[3])
        if header != _header(kind, n_vectors, tensor):
            raise LayoutError(f"is not a file of {kind} for this firmware: {header[:100]!r}", path, MAKE_VECTORS)
        codes = np.array([[int(word) for word in line.split()] for line in body.splitlines()], np.int64)
    except (ValueError, IndexError, OverflowError) as error:
        raise LayoutError(f"cannot be read as {kind} ({error})", path, MAKE_VECTORS) from None
    if codes.shape != (n_vectors, n_values(tensor)):
        raise LayoutError(f"holds {codes.shape} integers, not {(n_vectors, n_values(tensor))}", path, MAKE_VECTORS)
    return codes
