"""What holds for every test."""

import shutil

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow, not wrong.
settings.register_profile("tagware", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tagware")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what needs GHDL where it is not installed."""
    if item.get_closest_marker("ghdl") and shutil.which("ghdl") is None:
        pytest.skip("GHDL is not installed (apt install ghdl)")
