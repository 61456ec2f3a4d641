"""The house stands: its rooms, its floors, and doors that open fast."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = {
    "jets": set(),
    "models": {"jets"},
    "compress": {"models", "jets"},
    "hls": {"models", "jets"},
    "flow": {"compress", "hls", "models", "jets"},
}
ROOMS = {*FLOORS, "tagware", "tests"}


def imported_rooms(source: str) -> set[str]:
    """Our rooms that a source text imports, at its top or inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.split(".")[0] for name in names} & ROOMS


@pytest.mark.parametrize("room", FLOORS)
def test_a_room_imports_only_the_floors_below_it(room: str) -> None:
    files = list((ROOT / room).rglob("*.py"))
    assert files
    for path in files:
        above = imported_rooms(path.read_text()) - FLOORS[room] - {room}
        assert not above, f"{path.relative_to(ROOT)} imports {above}"


def test_the_floor_check_sees_a_forbidden_import_inside_a_function() -> None:
    source = "def f():\n    from hls.csim import build\n    import compress.distil\n"
    assert imported_rooms(source) == {"hls", "compress"}


def test_firmware_projects_hold_no_python() -> None:
    assert not [path for path in (ROOT / "firmware_projects").rglob("*.py") if "build" not in path.parts]


@pytest.mark.parametrize("command", [["-m", "tagware", "--help"], ["-c", "import jets"]])
def test_the_front_door_opens_in_under_a_second(command: list[str]) -> None:
    seconds = []
    for _ in range(3):
        start = time.monotonic()
        subprocess.run([sys.executable, *command], cwd=ROOT, check=True, capture_output=True)
        seconds.append(time.monotonic() - start)
    assert min(seconds) < 1.0
