"""Files of weights: written whole or with a reason, and read without running code, whoever wrote them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jets.errors import LayoutError
from jets.files import existing_file


def write_weights(weights: Any, path: Path) -> None:
    """`torch.save` by way of memory: straight to a disk that is full it fails without saying why.

    Raises:
        OSError: the file cannot be written; `jets.files.replacing` tells its reason.
    """
    import torch

    held = io.BytesIO()
    torch.save(weights, held)
    path.write_bytes(held.getbuffer())


def read_weights(path: Path, remedy: str) -> Any:
    """What a torch file holds, tensors and plain values only, on the CPU.

    Raises:
        InputError: no such file.
        LayoutError: damaged, not a torch file, or it holds objects whose code would be run.
    """
    import torch

    existing_file(path, "file of weights")
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch raises pickle errors, EOFError, KeyError… for damaged or unsafe files
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise LayoutError(f"cannot be read safely ({reason})", path, remedy) from None


def load_weights(network: Any, state: Mapping[str, Any], architecture: str, path: Path, remedy: str) -> None:
    """Put weights into a network of that architecture.

    Raises:
        LayoutError: the weights are another network's.
    """
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        first = str(error).strip().splitlines()[-1].strip()
        raise LayoutError(f"the weights do not fit {architecture!r}: {first}", path, remedy) from None
