"""Public data sets in, our jets file out; one module a format."""

from jets.readers.formats import READERS
from jets.readers.importing import ImportConfig, import_jets
from jets.readers.reader import Reader

__all__ = ["READERS", "ImportConfig", "Reader", "import_jets"]
