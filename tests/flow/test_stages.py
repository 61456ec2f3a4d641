"""Stages are redone exactly when they must be, and an interruption loses only the one under way."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from flow.stages import MANIFEST, Runner, Stage
from jets.errors import ConfigError, StorageError


class Counter:
    """A stage body that writes one file and counts its runs."""

    def __init__(self, text: str = "done") -> None:
        self.runs, self.text = 0, text

    def __call__(self, folder: Path, upstream: Mapping[str, Path]) -> None:
        self.runs += 1
        before = [(other / "result.txt").read_text() for other in upstream.values()]
        (folder / "result.txt").write_text("".join([self.text, *before]))


def two_stages(first: Counter, second: Counter, seed: int = 0, files: tuple[Path, ...] = ()) -> list[Stage]:
    return [Stage("first", (), {"seed": seed}, first, files), Stage("second", ("first",), {}, second)]


def test_a_second_run_redoes_nothing(tmp_path: Path) -> None:
    first, second = Counter(), Counter()
    seen: list[tuple[str, str]] = []
    for _ in range(2):
        Runner(two_stages(first, second), tmp_path / "build").run(announce=lambda *what: seen.append(what))
    assert (first.runs, second.runs) == (1, 1)
    assert seen[-2:] == [("first", "fresh"), ("second", "fresh")]


def test_a_changed_config_redoes_the_stage_and_what_follows_from_its_result(tmp_path: Path) -> None:
    first, second = Counter("a"), Counter()
    Runner(two_stages(first, second), tmp_path / "build").run()
    changed = Counter("b")
    Runner(two_stages(changed, second, seed=1), tmp_path / "build").run()
    assert (changed.runs, second.runs) == (1, 2)
    assert (tmp_path / "build/second/result.txt").read_text() == "doneb"


def test_a_redone_stage_with_the_same_result_leaves_its_followers_alone(tmp_path: Path) -> None:
    first, second = Counter(), Counter()
    Runner(two_stages(first, second), tmp_path / "build").run()
    Runner(two_stages(first, second, seed=1), tmp_path / "build").run()
    assert (first.runs, second.runs) == (2, 1)


def test_changed_bytes_of_an_external_file_redo_the_stage(tmp_path: Path) -> None:
    external = tmp_path / "input.txt"
    external.write_text("one")
    first = Counter()
    Runner(two_stages(first, Counter(), files=(external,)), tmp_path / "build").run()
    external.write_text("two")
    Runner(two_stages(first, Counter(), files=(external,)), tmp_path / "build").run()
    assert first.runs == 2


@pytest.mark.parametrize("damage", ["change", "remove", "add", "manifest"])
def test_a_damaged_artefact_is_detected_and_made_again(tmp_path: Path, damage: str) -> None:
    first = Counter()
    runner = Runner(two_stages(first, Counter()), tmp_path / "build")
    runner.run()
    folder = tmp_path / "build/first"
    if damage == "change":
        (folder / "result.txt").write_text("dune")
    elif damage == "remove":
        (folder / "result.txt").unlink()
    elif damage == "add":
        (folder / "stray.txt").write_text("x")
    else:
        (folder / MANIFEST).write_text("{")
    assert runner.states()[0].state == "damaged"
    runner.run()
    assert first.runs == 2
    assert [state.state for state in runner.states()] == ["fresh", "fresh"]


def test_firmware_that_another_compiler_built_again_is_not_damaged_and_what_the_stage_built_still_counts(
    tmp_path: Path,
) -> None:
    def compiled(folder: Path, upstream: Mapping[str, Path]) -> None:
        (folder / "firmware/build").mkdir(parents=True)
        (folder / "firmware/build/here.so").write_text("of this machine")

    runner = Runner([Stage("csim", (), {}, compiled)], tmp_path / "build")
    runner.run()
    built = tmp_path / "build/csim/firmware/build"
    (built / "there.so").write_text("of another")
    assert runner.states()[0].state == "fresh"
    (built / "here.so").write_text("cut")
    assert runner.states()[0].state == "damaged"


def test_status_tells_missing_interrupted_and_stale(tmp_path: Path) -> None:
    runner = Runner(two_stages(Counter(), Counter()), tmp_path / "build")
    assert [state.state for state in runner.states()] == ["missing", "missing"]
    runner.run()
    (tmp_path / "build/second").rename(tmp_path / "build/second.work")
    changed = Runner(two_stages(Counter(), Counter(), seed=3), tmp_path / "build")
    assert [state.state for state in changed.states()] == ["stale", "interrupted"]


def test_status_survives_a_damaged_manifest_below_a_stale_stage(tmp_path: Path) -> None:
    Runner(two_stages(Counter(), Counter()), tmp_path / "build").run()
    (tmp_path / "build/second" / MANIFEST).write_text("[1, 2]")
    changed = Runner(two_stages(Counter(), Counter(), seed=3), tmp_path / "build")
    assert [state.state for state in changed.states()] == ["stale", "damaged"]


def test_a_failed_stage_resumes_in_its_own_folder_only_for_the_same_config(tmp_path: Path) -> None:
    def fails_once(folder: Path, upstream: Mapping[str, Path]) -> None:
        if not (folder / "half.txt").exists():
            (folder / "half.txt").write_text("half")
            raise KeyboardInterrupt
        (folder / "result.txt").write_text("whole")

    stage = Stage("first", (), {"seed": 0}, fails_once)
    with pytest.raises(KeyboardInterrupt):
        Runner([stage], tmp_path / "build").run()
    other = Stage("first", (), {"seed": 1}, fails_once)
    with pytest.raises(KeyboardInterrupt):
        Runner([other], tmp_path / "build").run()
    Runner([other], tmp_path / "build").run()
    assert (tmp_path / "build/first/result.txt").read_text() == "whole"


def test_until_stops_after_the_named_stage_and_refuses_an_unknown_one(tmp_path: Path) -> None:
    second = Counter()
    runner = Runner(two_stages(Counter(), second), tmp_path / "build")
    runner.run(until="first")
    assert second.runs == 0
    with pytest.raises(ConfigError, match=r"unknown stage 'third'.*first, second"):
        runner.run(until="third")


def test_a_folder_that_is_not_ours_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StorageError, match="did not write"):
        Runner(two_stages(Counter(), Counter()), tmp_path).run()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


SLOW_RUN = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from flow.stages import Runner, Stage

    def quick(folder, upstream):
        (folder / "result.txt").write_text("quick")

    def slow(folder, upstream):
        print("slow begins", flush=True)
        time.sleep(60)

    Runner([Stage("quick", (), {}, quick), Stage("slow", ("quick",), {}, slow)], Path(sys.argv[1])).run()
    """
)


def test_kill_minus_nine_keeps_finished_stages_and_frees_the_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SLOW_RUN, str(tmp_path / "build")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        process.stdout.readline()
        second = Runner([Stage("quick", (), {}, Counter())], tmp_path / "build")
        with pytest.raises(StorageError, match="another run"):
            second.run()
        os.kill(process.pid, signal.SIGKILL)
    quick = Counter()
    runner = Runner([Stage("quick", (), {}, quick), Stage("slow", ("quick",), {}, Counter("slow"))], tmp_path / "build")
    assert [state.state for state in runner.states()] == ["fresh", "interrupted"]
    runner.run()
    assert quick.runs == 0
    assert (tmp_path / "build/slow/result.txt").read_text() == "slowquick"
