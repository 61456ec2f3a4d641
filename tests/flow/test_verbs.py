"""The front door: what a user types wrong is answered in one line with exit status 2, and nothing is half-written."""

import subprocess
import sys
from pathlib import Path

import pytest

import tagware

BASE = "jets: {sample: top_qcd}\n"
EXACT = "student: {arithmetic: exact}\n"
HGQ2_MLP = "student: {kind: mlp}\ncompress:\n  front_end: hgq2\n"
TWICE = "student: {arithmetic: exact, bidirectional: true}\n"
LSTM = "student: {cell: lstm}\ncompress: {bits: {state: [12, 4]}}\n"


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command line that must be refused; return its one line of complaint."""
    assert tagware.main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("tagware: ")
    return lines[0]


def project(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "project.yaml").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("jets: {sampel: top_qcd}\n", ["jets", "'sampel'", "did you mean 'sample'"]),
        ("jets: {}\n", ["jets", "exactly one of sample, file, simulate"]),
        ("teacher: {}\n", ["'jets'", "missing"]),
        (BASE + "teach: {}\n", ["'teach'", "did you mean 'teacher'"]),
        (BASE + "teacher: {architecture: particle_transfomer}\n", ["did you mean 'particle_transformer'"]),
        (BASE + "teacher: {config: {depth: 3}}\n", ["particle_transformer", "'depth'"]),
        (BASE + "teacher: {train: {epochs: 0}}\n", ["epochs"]),
        (BASE + "student: {units: twenty}\n", ["student: units", "twenty"]),
        (BASE + "compress: {bits: {weights: [0, 0]}}\n", ["compress: bits", "weight"]),
        (BASE + "compress: {bits: {weights: [33, 1]}}\n", ["compress: bits", "weight"]),
        (BASE + "compress: {bits: {table: [9, 0]}}\n", ["compress: bits", "table"]),
        (BASE + "student: {cell: lstm}\n", ["compress: bits", "state", "[12, 4]"]),
        (BASE + "student: {skip_padding: true}\n", ["student", "arithmetic: exact"]),
        (BASE + "student: {bidirectional: true}\n", ["student", "no bidirectional: true", "arithmetic: exact"]),
        (BASE + "student: {kind: mpl}\n", ["student", "'mpl'", "did you mean 'mlp'"]),
        (BASE + "student: {kind: mlp, units: 4}\n", ["student", "'units'", "known keys"]),
        (BASE + "student: {kind: deep_sets, features: 5}\n", ["student", "features", "3, 6, 16"]),
        (
            BASE + "student: {kind: jedi_linear}\nhls: {reuse_factor: 2}\n",
            ["hls", "share no multipliers", "particle_0"],
        ),
        (BASE + "student: {kind: deep_sets}\nhls: {layers: {exchange_1: {}}}\n", ["hls: layers", "'exchange_1'"]),
        (BASE + "student: {kind: mlp}\ncompress: {bits: {mean: [40, 3]}}\n", ["compress: bits", "mean", "40"]),
        (BASE + "compress: {front_end: hgq}\n", ["compress: front_end", "'hgq'", "hgq2"]),
        (BASE + "compress: {front_end: hgq2}\n", ["compress: hgq2", "no recurrent layers", "front_end: qkeras"]),
        (BASE + "student: {kind: linear_attention}\n", ["compress: bits", "HGQ2's layers", "front_end: hgq2"]),
        (BASE + "compress: {front_end: brevitas}\n", ["compress: brevitas", "no layers for this student"]),
        (BASE + "compress: {brevitas: {bits: 8}}\n", ["compress: brevitas", "'bits'", "did you mean 'bias'"]),
        (BASE + HGQ2_MLP + "  hgq2: {ebops: 0}\n", ["compress: hgq2", "ebops must be 1 or more"]),
        (BASE + HGQ2_MLP + "hls: {io_type: io_stream}\n", ["hls", "'features_q' has no kernel for io_stream"]),
        (BASE + EXACT + "compress: {exact: {gate_sum: [17, 4]}}\n", ["compress: exact", "gate_sum", "17 bits"]),
        (BASE + EXACT + "hls: {reuse_factor: 2}\n", ["hls", "share no multipliers", "layers: {rnn:"]),
        (
            BASE + TWICE + "hls: {layers: {rnn: {reuse_factor: 1}, rnn_backward: {reuse_factor: 2}}}\n",
            ["rnn_backward: {"],
        ),
        (BASE + "student: {kind: deep_sets}\nhls: {io_type: io_stream}\n", ["hls", "has no kernel for io_stream"]),
        (BASE + LSTM + "hls: {io_type: io_stream}\n", ["hls", "'rnn' has no kernel for io_stream", "io_parallel"]),
        (BASE + "hls: {io_type: io_stream, static_recurrent: false}\n", ["hls", "one step at a time"]),
        (BASE + "hls: {layers: {dense_7: {reuse_factor: 2}}}\n", ["hls: layers", "'dense_7'", "dense_0"]),
        (BASE + "hls: {backend: Quartus}\n", ["hls", "backend", "Vitis"]),
        (BASE + "hls: {clock_ns: -5}\n", ["hls", "clock_ns"]),
        ("jets: [1, 2\n", ["is not YAML"]),
        ("- a\n- b\n", ["must be a mapping"]),
    ],
)
def test_a_wrong_project_file_is_refused_by_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, names: list[str]
) -> None:
    folder = project(tmp_path / "mine", text)
    message = refused(capsys, "run", folder)
    for name in ["project.yaml", *names]:
        assert name in message
    assert [path.name for path in folder.iterdir()] == ["project.yaml"]


def test_a_missing_project_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert str(tmp_path / "nowhere") in refused(capsys, "run", tmp_path / "nowhere")
    assert "name the folder" in refused(capsys, "status", tmp_path / "project.yaml")


def test_a_missing_jets_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = project(tmp_path / "mine", "jets: {file: gone.h5}\n")
    message = refused(capsys, "run", folder)
    assert "gone.h5" in message and "tagware simulate" in message


def test_a_jets_file_that_is_not_hdf5_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = project(tmp_path / "mine", "jets: {file: jets.h5}\n")
    (folder / "jets.h5").write_text("not HDF5")
    assert "is not an HDF5 file" in refused(capsys, "run", folder)


def test_a_build_folder_that_is_not_ours_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = project(tmp_path / "mine", BASE)
    (folder / "build").mkdir()
    (folder / "build" / "thesis.tex").write_text("years of work")
    assert "did not write" in refused(capsys, "run", folder)
    assert (folder / "build" / "thesis.tex").read_text() == "years of work"


def test_an_unknown_stage_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, "run", project(tmp_path / "mine", BASE), "--until", "tech")
    assert "'tech'" in message and "teach" in message


def test_import_names_an_unknown_format_and_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "top_tagging" in refused(capsys, "import", "toptagging", tmp_path / "a.h5", tmp_path / "out.h5")
    assert "a.h5" in refused(capsys, "import", "top_tagging", tmp_path / "a.h5", tmp_path / "out.h5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["--n", "0"], "n_per_class"),
        (["--classes", "QCD", "topp"], "topp"),
        (["--pt-gev", "1200", "800"], "pt_gev"),
        (["--detector", "perfect"], "perfect"),
        (["--views", "herwig"], "unknown view 'herwig'"),
    ],
)
def test_simulate_names_a_wrong_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], name: str
) -> None:
    assert name in refused(capsys, "simulate", tmp_path / "out.h5", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_taggers_and_firmware_that_are_not_there_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no tagger" in refused(capsys, "convert", tmp_path, tmp_path / "out")
    assert "firmware project" in refused(capsys, "csim", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_status_lists_every_stage_of_a_new_project_as_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tagware.main(["status", str(project(tmp_path / "mine", BASE))]) == 0
    text = capsys.readouterr().out
    for stage in ("jets", "teacher", "teach", "distil", "control", "convert", "csim", "report"):
        assert stage in text
    assert text.count("missing") == 12


def test_report_before_a_run_says_what_to_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "tagware run" in refused(capsys, "report", project(tmp_path / "mine", BASE))


@pytest.mark.parametrize("variable", ["CXX", "TAGWARE_VERILATOR", "TAGWARE_YOSYS"])
def test_run_names_a_missing_tool_before_it_trains(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "tool-999")
    folder = project(tmp_path / "mine", BASE)
    assert "tool-999" in refused(capsys, "run", folder)
    assert [path.name for path in folder.iterdir()] == ["project.yaml"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("architecture: gru\ntrain: {epochs: 3}\n", ["'architecture'"]),
        ("teachr: {architecture: gru}\n", ["'teachr'", "did you mean 'teacher'"]),
        ("student: {}\n", ["no section 'teacher'"]),
    ],
)
def test_a_config_of_another_shape_is_refused_rather_than_ignored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, names: list[str]
) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    message = refused(capsys, "train", tmp_path / "jets.h5", tmp_path / "out", "--config", tmp_path / "mine.yaml")
    for name in ["mine.yaml", *names]:
        assert name in message
    assert not (tmp_path / "out").exists()


def test_import_does_not_replace_a_file_of_the_users(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("train.h5", "thesis.h5"):
        (tmp_path / name).write_text("years of work")
    assert "thesis.h5" in refused(capsys, "import", "top_tagging", tmp_path / "train.h5", tmp_path / "thesis.h5")
    assert (tmp_path / "thesis.h5").read_text() == "years of work"


def test_a_closed_pipe_is_no_traceback() -> None:
    command = f"{sys.executable} -m tagware doctor --json | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout == "[" and "Traceback" not in done.stderr
