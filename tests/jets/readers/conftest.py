from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from tests.jets.readers import public_files
from tests.jets.readers.public_files import Momenta


@pytest.fixture
def random_momenta() -> Callable[..., Momenta]:
    return public_files.random_momenta


@pytest.fixture
def top_tagging_table() -> Callable[..., pd.DataFrame]:
    return public_files.top_tagging_table


@pytest.fixture
def write_hls4ml() -> Callable[..., dict[str, Any]]:
    return public_files.write_hls4ml
