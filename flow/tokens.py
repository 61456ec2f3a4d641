"""What the tokens of a teacher keep of jets: measured, saved and put on a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jets.files import claim_folder, read_json

if TYPE_CHECKING:
    from jets.dataset import Jets

RECORD, PAGE = "tokens.json", "tokens.html"
N_JETS = 5000
"""Test jets that are measured, where no other number is asked for."""


def measure_tokens(teacher: Path, jets: Jets, folder: Path) -> bool:
    """Save in `folder` what the tokens of a tagger's folder keep of jets; False where no tokenizer was ever trained.

    Raises:
        InputError: no tagger in the folder.
        DataError: too few jets.
        StorageError: `folder` is not ours, or cannot be written.
    """
    if "tokenizer" not in read_json(teacher / "tagger.json")["config"]:
        return False
    from models.tagger import Tagger
    from models.teachers.tokenization_quality import tokenization_quality, trained_tokenizer

    tagger = Tagger.load(teacher)
    tokenizer = trained_tokenizer(tagger)
    if tokenizer is None:
        return False
    quality = tokenization_quality(tokenizer, jets, tagger.config.n_constituents, np.random.default_rng(1))
    quality.save(claim_folder(folder) / RECORD)
    return True


def render_saved_tokens(folder: Path, name: str) -> Path | None:
    """The page of what `measure_tokens` saved in a folder; None where it did not."""
    if not (folder / RECORD).is_file():
        return None
    from hls.tokens import render_tokens
    from models.teachers.tokenization_quality import TokenizationQuality

    return render_tokens(TokenizationQuality.load(folder / RECORD), name, folder / PAGE)
