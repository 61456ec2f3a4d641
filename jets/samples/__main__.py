"""`python -m jets.samples [folder]` makes the packaged samples again."""

from __future__ import annotations

import sys
from pathlib import Path

from jets.samples import FOLDER
from jets.samples.make import SAMPLE_CONFIGS, make_sample


def main(arguments: list[str]) -> None:
    """Write every sample into the folder that is named, or beside this file."""
    folder = Path(arguments[0]) if arguments else FOLDER
    for sample in SAMPLE_CONFIGS:
        make_sample(sample, folder)


if __name__ == "__main__":
    main(sys.argv[1:])
