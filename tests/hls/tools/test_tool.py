"""One way to find and run a program: every way it can fail ends in one clear line, and nothing keeps running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hls.tools.tool import Program, execute, find, prefixed, run
from jets.errors import StorageError, TagwareError, ToolFailed, ToolNotFound

ROUTER = Program("router-ng", "apt install router-ng", oldest="5.048")


def one_line(error: pytest.ExceptionInfo[TagwareError], *words: str) -> None:
    assert "\n" not in str(error.value) and error.value.remedy
    for word in words:
        assert word in str(error.value)


def script(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with our scripts before the system's."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv(ROUTER.variable, raising=False)
    return tmp_path / "bin"


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or waits for a parent to collect it, within some seconds."""
    path = Path(f"/proc/{pid}/stat")
    for _ in range(100):
        try:
            if path.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


def test_a_run_writes_the_command_and_both_streams_to_its_log(tmp_path: Path) -> None:
    done = run(["sh", "-c", "echo out; echo err >&2; pwd"], tmp_path / "work", tmp_path / "logs/a.log", 10)
    lines = done.log.read_text().splitlines()
    assert lines == ["$ sh -c 'echo out; echo err >&2; pwd'", "out", "err", str(tmp_path / "work")]
    assert done.status == 0 and 0 < done.seconds < 10


@pytest.mark.parametrize(
    ("printed", "quoted"),
    [
        ("0 errors, no problem\nERROR: [HLS 200-70] no top\nERROR: later", "ERROR: [HLS 200-70] no top"),
        ("a.cpp:3:1: error: expected ';'\nnote", "a.cpp:3:1: error: expected ';'"),
        ("Info\nError (12006): Node is undefined\nInfo", "Error (12006): Node is undefined"),
        ("%Error: top.v:1: syntax error", "%Error: top.v:1: syntax error"),
        ("FATAL:   unable to open the image", "FATAL:   unable to open the image"),
        ("Errors found: 0\nsome last words\n", "some last words"),
        ("", "it printed nothing"),
    ],
)  # fmt: skip
def test_a_failure_names_the_status_the_log_and_the_first_error(tmp_path: Path, printed: str, quoted: str) -> None:
    (tmp_path / "printed").write_text(printed)
    with pytest.raises(ToolFailed) as error:
        run(["sh", "-c", "cat printed; exit 3"], tmp_path, tmp_path / "a.log", 10)
    one_line(error, "sh ended with status 3", quoted.replace("   ", " "), str(tmp_path / "a.log"))


def test_a_status_with_a_meaning_of_its_own_is_returned(tmp_path: Path) -> None:
    assert execute(["sh", "-c", "exit 1"], tmp_path, tmp_path / "a.log", 10).status == 1


def test_a_missing_licence_names_the_variable(tmp_path: Path) -> None:
    command = "echo 'ERROR: [Common 17-345] A valid license was not found for feature Synthesis'; exit 1"
    with pytest.raises(ToolFailed) as error:
        run(["sh", "-c", command], tmp_path, tmp_path / "a.log", 10)
    one_line(error, "17-345", "LM_LICENSE_FILE")


def test_a_killed_program_names_the_signal(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed) as error:
        run(["sh", "-c", "echo mapping; kill -9 $$"], tmp_path, tmp_path / "a.log", 10)
    one_line(error, "SIGKILL", "mapping", "a.log")


@pytest.mark.parametrize("stubborn", ["", "trap '' TERM;"])
def test_out_of_time_ends_the_program_and_what_it_started(
    tmp_path: Path, stubborn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hls.tools.tool.GRACE_SECONDS", 0.2)
    command = f"{stubborn} sleep 60 & echo $! > child; wait; sleep 60"
    with pytest.raises(ToolFailed) as error:
        run(["sh", "-c", command], tmp_path, tmp_path / "a.log", 0.3)
    one_line(error, "sh took more than 0.3 s", "a.log")
    assert has_ended(int((tmp_path / "child").read_text()))


def test_an_interrupt_ends_the_program(tmp_path: Path) -> None:
    text = (
        "from pathlib import Path; from hls.tools.tool import run\n"
        "run(['sh', '-c', 'echo $$ > pid.part; mv pid.part pid; exec sleep 60'], Path('.'), Path('a.log'), 60)"
    )
    root = str(Path(__file__).parents[3])
    ours = subprocess.Popen(
        [sys.executable, "-c", text], cwd=tmp_path, env={**os.environ, "PYTHONPATH": root}, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 30
    while not (tmp_path / "pid").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    ours.send_signal(signal.SIGINT)
    _, messages = ours.communicate(timeout=10)
    assert b"KeyboardInterrupt" in messages
    assert has_ended(int((tmp_path / "pid").read_text()))


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError) as error:
        run(["true"], tmp_path, tmp_path / "file/a.log", 10)
    one_line(error, "file/a.log", "cannot be written")


@pytest.mark.parametrize("prefix", [(), ("no-such-prefix",)])
def test_a_program_or_prefix_that_is_not_there_is_named(tmp_path: Path, prefix: tuple[str, ...]) -> None:
    with pytest.raises(ToolNotFound) as error:
        run(["no-such-program"], tmp_path, tmp_path / "a.log", 10, prefix)
    one_line(error, (*prefix, "no-such-program")[0], "cannot be started")


def test_a_prefix_takes_the_command_word_by_word(tmp_path: Path) -> None:
    done = run(["sh", "-c", 'echo "$MODE in $(pwd)"'], tmp_path, tmp_path / "a.log", 10, ("env", "MODE=batch mode"))
    assert done.log.read_text().splitlines()[1] == f"batch mode in {tmp_path}"


def test_a_prefix_can_source_a_script_first(tmp_path: Path) -> None:
    (tmp_path / "settings.sh").write_text("LICENCES=here\nexport LICENCES\n")
    prefix = ("bash", "-c", f'source {tmp_path}/settings.sh && exec "$@"', "--")
    done = run(["sh", "-c", 'echo "$LICENCES $0"', "two words"], tmp_path, tmp_path / "a.log", 10, prefix)
    assert done.log.read_text().splitlines()[1] == "here two words"


def test_ssh_enters_the_folder_and_quotes_the_command(here: Path, tmp_path: Path) -> None:
    script(here, "ssh", 'echo "host $1"; cd /; shift; exec sh -c "$*"')
    folder = tmp_path / "a folder"
    done = run(["sh", "-c", 'pwd; echo "$0"', "it's $HOME"], folder, tmp_path / "a.log", 10, ("ssh", "eda"))
    assert done.log.read_text().splitlines()[1:] == ["host eda", str(folder), "it's $HOME"]
    assert prefixed(["vivado"], folder, ("ssh", "-tt", "eda"))[3] == f"cd '{folder}' && exec vivado"


def test_the_environment_variable_comes_before_the_path(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(here, "router-ng", "echo Router 5.050")
    own = script(tmp_path, "mine", "echo Router v6.1 2026")
    assert find(ROUTER).argv == (str(here / "router-ng"),)
    monkeypatch.setenv("TAGWARE_ROUTER_NG", str(own))
    found = find(ROUTER)
    assert found.argv == (str(own),) and found.version == "6.1"


def test_a_python_package_comes_last(here: Path) -> None:
    program = Program("pytest-as-a-tool", "pip install pytest", "7", package="pytest", script="pytest")
    assert find(program).version == pytest.__version__
    script(here, "pytest-as-a-tool", "echo 9.9")
    assert find(program).version == "9.9"


def test_a_prefix_is_asked_what_it_has(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(here, "ssh", 'shift; exec sh -c "$*"')
    script(here, "router-ng", "echo 5.050")
    assert find(ROUTER, ("ssh", "eda")).argv == ("router-ng",)
    monkeypatch.setenv("TAGWARE_ROUTER_NG", "/opt/else/router-ng")
    with pytest.raises(ToolNotFound) as error:
        find(ROUTER, ("ssh", "eda"))
    one_line(error, "/opt/else/router-ng", "TAGWARE_ROUTER_NG")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo Router 5.020 2024-01-01", ("5.020", "too old", "5.048 or newer")),
        ("echo Router", ("does not say its version",)),
        ("echo 'no display' >&2; exit 1", ("does not start", "no display")),
        ("sleep 60", ("does not say its version in 0.2 s",)),
    ],
)
def test_an_unusable_program_is_named(
    here: Path, text: str, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hls.tools.tool.VERSION_SECONDS", 0.2 if "sleep" in text else 10)
    script(here, "router-ng", f"exec {text}" if "sleep" in text else text)
    with pytest.raises(ToolNotFound) as error:
        find(ROUTER)
    one_line(error, str(here / "router-ng"), "apt install router-ng", "TAGWARE_ROUTER_NG", *words)


@pytest.mark.parametrize("value", [None, "/no/such/router"])
def test_a_missing_program_says_which_variable_and_which_command(
    here: Path, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value:
        monkeypatch.setenv("TAGWARE_ROUTER_NG", value)
        script(here, "router-ng", "echo 9.9")
    with pytest.raises(ToolNotFound) as error:
        find(ROUTER)
    one_line(error, value or "'router-ng'", "TAGWARE_ROUTER_NG", "apt install router-ng")
