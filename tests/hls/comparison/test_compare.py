"""The whole comparison: its files, its page, and how it refuses what cannot be compared."""

from __future__ import annotations

import csv
import dataclasses
import html
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls.compare import Scores
from hls.comparison import Budget, Candidate, CompareConfig, Comparison, compare, render_comparison
from hls.comparison.drawing import look, marker
from hls.comparison.tables import summary_table, verdict
from hls.report import Report
from hls.sheets import csv_text
from hls.tables import measured
from jets.config import fill
from jets.dataset import Jets, JetsWriter
from jets.errors import ConfigError, DataError, InputError, LayoutError, StorageError
from tests.fuzzing import FUZZ, STRANGE, changed, places
from tests.hls.comparison.conftest import QUICK
from tests.hls.conftest import sections_of
from tests.synthetic import synthetic_jets

pytestmark = pytest.mark.xdist_group("comparison")  # one comparison serves every test


@pytest.fixture(scope="module")
def made(jets_file: Path, scores_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a comparison of two models, one of which has hardware."""
    folder = tmp_path_factory.mktemp("comparison")
    report = Report.build(**sections_of(Scores.load(scores_file).with_model("student_float", _zeros(scores_file))
        .with_model("student_quantized", _zeros(scores_file)))).save(folder / "report.json")  # fmt: skip
    candidates = [
        Candidate("teacher", scores=scores_file, model="teacher"),
        Candidate("<csim>", scores=scores_file, model="csim", report=report, design="hls"),
    ]
    config = dataclasses.replace(QUICK, budget=Budget(lut=60_000))
    compare(candidates, jets_file, config, folder / "out")
    return folder / "out"


def _zeros(scores_file: Path) -> Any:
    return np.zeros((len(Scores.load(scores_file)), 1), np.float32)


def test_a_comparison_is_read_as_it_was_written(made: Path, tmp_path: Path) -> None:
    comparison = Comparison.load(made)
    comparison.save(tmp_path)
    assert (tmp_path / "comparison.json").read_text() == (made / "comparison.json").read_text()
    assert comparison.names == ("teacher", "<csim>") and comparison.taggers[1]["report"] == "../report.json"
    counts = comparison.jets["classes"]
    assert sum(counts[name]["n_test"] for name in counts) == comparison.jets["n_test"] > 500
    assert fill(CompareConfig, comparison.config, "comparison") == dataclasses.replace(QUICK, budget=Budget(lut=60_000))


def test_the_same_comparison_gives_the_same_numbers(
    made: Path, candidates: list[Candidate], jets_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["hls.comparison.compare"], "render_comparison", lambda folder: None)
    again = compare(
        [candidates[0], dataclasses.replace(candidates[1], name="<csim>")], jets_file, QUICK, tmp_path / "x"
    )
    first = Comparison.load(made).tables
    for name in set(first) - {"hardware", "budget"}:
        assert json.loads(json.dumps(again.tables[name])) == first[name], name


def test_the_winner_is_named(made: Path) -> None:
    comparison = Comparison.load(made)
    (merit,), (rate,) = comparison.rows("merit", tagger="<csim>"), comparison.rows("rate_budget", tagger="<csim>")
    rejection, loss = measured(merit["rejection"]), measured(merit["rejection"]["difference"])
    passing, off = measured(rate["signal_efficiency"]), measured(rate["signal_efficiency"]["difference"])
    first = comparison.names[0]
    assert verdict(comparison) == (
        "The winner within 60,000 LUT is <csim> (estimate): 50,012 LUT, 60 DSP, 1,655 ns of latency; "
        f"1/ε_B = {rejection} ({loss} to {first}); ε_S = {passing} ({off} to {first}) at 10 kHz."
    )
    assert summary_table(comparison).rows[1][-5:] == (passing, "1,655", "50,012", "60", "estimate")


@pytest.mark.parametrize(
    ("budget", "text"),
    [
        (Budget(lut=50_000), "Nothing keeps 50,000 LUT; the nearest is <csim> (estimate) with 50,012 LUT: "),
        (
            Budget(dsp=6, latency_ns=1e4),
            "Nothing keeps 6 DSP, 10,000 ns of latency; the nearest is <csim> (estimate) with 60 DSP",
        ),
        (Budget(), "The winner with no budget set is <csim> (estimate)"),
    ],
)
def test_a_budget_that_nothing_keeps_is_said_with_the_nearest(made: Path, budget: Budget, text: str) -> None:
    from hls.comparison.hardware import hardware
    from hls.comparison.performance import Merit

    comparison = Comparison.load(made)
    merit = Merit({name: np.array([0.01, 0.011]) for name in comparison.names}, 100)
    candidates = [Candidate("<csim>", report=made / comparison.taggers[1]["report"], design="hls")]
    tables = {**comparison.tables, **hardware(candidates, merit, budget)}
    changed = {**comparison.to_json(), "tables": tables, "config": {**comparison.config, "budget": vars(budget)}}
    changed.pop("layout")
    assert verdict(Comparison.build(**changed)).startswith(text)


def test_an_estimate_that_wins_is_not_left_alone_with_what_is_too_large_once_built(made: Path) -> None:
    comparison = Comparison.load(made)
    (won,) = comparison.tables["budget"]
    built = {**won, "tagger": "built", "kind": "synthesis", "within": False, "tightest": "lut", "lut": 70_000}
    for other, said in ((built, True), ({**built, "within": True}, False), ({**built, "kind": "estimate"}, False)):
        tables = {**comparison.tables, "budget": [won, other]}
        words = "Not so once built: built, of the same physics, takes 70,000 LUT (synthesis)."
        assert verdict(dataclasses.replace(comparison, tables=tables)).endswith(words) == said


def test_every_table_is_a_csv_with_the_numbers_of_the_json_also_in_the_page(made: Path) -> None:
    comparison, page = Comparison.load(made), (made / "comparison.html").read_text()
    links = dict(re.findall(r'download="(\w+)\.csv" href="data:text/csv;charset=utf-8,([^"]+)"', page))
    assert {name for name, rows in comparison.tables.items() if rows} == set(links)
    for name, rows in comparison.tables.items():
        text = (made / "tables" / f"{name}.csv").read_text()
        assert text == csv_text(rows)
        if rows:
            assert unquote(html.unescape(links[name])) == text
    (row,) = (
        row for row in comparison.tables["rejection"] if row["tagger"] == "<csim>" and row["signal_efficiency"] == 0.5
    )
    read = list(csv.DictReader(io.StringIO((made / "tables/rejection.csv").read_text())))
    (found,) = (item for item in read if item["tagger"] == "<csim>" and item["signal_efficiency"] == "0.5")
    assert float(found["rejection"]) == row["rejection"]["value"]
    assert float(found["rejection_difference_error"]) == row["rejection"]["difference"]["error"]


PLOTS = {
    "roc-0", "rate-threshold-0", "rate-0", "scores-0", "reliability-0", "mass-0", "turn-on-0", "pt_gev-0", "eta-0",
    "n_constituents-0", "agreement-0", "pareto-lut", "pareto-dsp", "pareto-latency_ns",
}  # fmt: skip


def test_every_plot_is_in_the_page_and_a_vector_and_a_pixel_file(made: Path) -> None:
    names = {path.stem for path in (made / "plots").glob("*.svg")}
    assert names == PLOTS == {path.stem for path in (made / "plots").glob("*.png")}
    page = (made / "comparison.html").read_text()
    for name in names:
        assert (made / "plots" / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
        assert (made / "plots" / f"{name}.svg").read_text() in page
    assert page.count("<figure") == len(PLOTS)


def test_the_page_needs_nothing_else_and_escapes_names(made: Path) -> None:
    page = (made / "comparison.html").read_text()
    assert set(re.findall(r"https?://[^\s\"'<>]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert not re.search(r"<script|<link|<img|<iframe|@import|\bsrc=|url\((?!#)", page)
    assert "<csim>" not in re.sub(r"<!--.*?-->", "", page, flags=re.S) and "&lt;csim&gt;" in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids)) and set(re.findall(r'(?:href="|url\()#([^")]+)', page)) <= set(ids)
    for cell in (cell for row in summary_table(Comparison.load(made)).rows for cell in row):
        assert html.escape(cell) in page


@FUZZ
@given(data=st.data())
def test_a_comparison_with_anything_anywhere_is_read_or_refused(
    made: Path, tmp_path: Path, data: st.DataObject
) -> None:
    content = json.loads((made / "comparison.json").read_text())
    place = data.draw(st.sampled_from(places(content)))
    path = tmp_path / "comparison.json"
    path.write_text(json.dumps(changed(content, place, data.draw(STRANGE)), default=str))
    try:
        Comparison.load(tmp_path)
    except LayoutError as error:
        assert str(path) in str(error)


def test_a_saved_comparison_is_rendered_again_as_it_was(made: Path, tmp_path: Path) -> None:
    again = shutil.copytree(made, tmp_path / "again")
    (again / "comparison.html").unlink()
    (again / "plots/roc-0.svg").write_text("old")
    assert render_comparison(again).read_text() == (made / "comparison.html").read_text()
    assert (again / "plots/roc-0.svg").read_text() != "old"


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")
def test_a_browser_opens_the_page_without_complaint_and_draws_the_plots(made: Path, tmp_path: Path) -> None:
    """What the browser says of the page: no console message, and every figure has a size on the screen."""
    tall = "[...document.querySelectorAll('figure svg')].filter(s => s.getBoundingClientRect().height > 100)"
    probe = f"<script>document.title = {tall}.length</script></body>"
    page = tmp_path / "page.html"
    page.write_text((made / "comparison.html").read_text().replace("</body>", probe))
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--enable-logging=stderr",
        f"--user-data-dir={tmp_path}/user",
    ]
    done = subprocess.run(
        [str(CHROMIUM), *options, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=300, check=True
    )
    assert f"<title>{len(PLOTS)}</title>" in done.stdout
    assert "CONSOLE" not in done.stderr


def refused(
    kind: type[Exception],
    message: str,
    candidates: list[Candidate],
    jets: Path,
    out: Path,
    config: CompareConfig = QUICK,
) -> None:
    with pytest.raises(kind, match=message):
        compare(candidates, jets, config, out)
    assert not out.exists() or [path.name for path in out.iterdir()] == [".tagware"]


def test_a_tagger_of_other_classes_is_refused_by_name(candidates: list[Candidate], tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    with JetsWriter(other) as writer:
        writer.append(synthetic_jets(200, classes=("q", "W", "t")))
    refused(
        DataError, r"teacher: its classes \(QCD, top\) are not those of the jets", candidates, other, tmp_path / "out"
    )


def test_scores_of_other_jets_are_refused(candidates: list[Candidate], jets: Jets, tmp_path: Path) -> None:
    other, relabelled = tmp_path / "other.h5", tmp_path / "relabelled.h5"
    with JetsWriter(other) as writer:
        writer.append(dataclasses.replace(jets, ids=jets.ids + np.uint64(10**6)))
    with JetsWriter(relabelled) as writer:
        writer.append(dataclasses.replace(jets, labels=np.roll(jets.labels, 1)))
    for path in (other, relabelled):
        refused(
            DataError, r"scores\.h5: jet \d+ of .* is not among the scored jets", candidates, path, tmp_path / "out"
        )


def test_a_model_that_was_not_scored_is_refused_with_the_nearest(
    scores_file: Path, jets_file: Path, tmp_path: Path
) -> None:
    wrong = [Candidate("x", scores=scores_file, model="csin")]
    refused(DataError, "no scores of csin; did you mean 'csim'", wrong, jets_file, tmp_path / "out")


def test_weights_that_are_missing_or_leave_a_class_out_are_refused(
    candidates: list[Candidate], jets: Jets, jets_file: Path, tmp_path: Path
) -> None:
    path, damaged = tmp_path / "weightless.h5", tmp_path / "damaged.h5"
    with JetsWriter(path) as writer:
        writer.append(dataclasses.replace(jets, weights=(jets.labels == 1).astype(np.float32)))
    refused(DataError, "weights of class 'QCD' sum to zero", candidates, path, tmp_path / "out")
    shutil.copy(jets_file, damaged)
    with h5py.File(damaged, "a") as file:
        del file["weights"]
    refused(LayoutError, "damaged", candidates, damaged, tmp_path / "out")


def test_candidates_that_do_not_make_a_comparison_are_refused(
    candidates: list[Candidate], jets_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    refused(ConfigError, "nothing to compare", [], jets_file, out)
    refused(ConfigError, "two candidates are called 'teacher'", [candidates[0]] * 2, jets_file, out)
    refused(InputError, "no tagger in this folder", [Candidate("x", tagger=tmp_path)], jets_file, out)
    refused(
        InputError, "no such file of scores", [Candidate("x", scores=tmp_path / "no.h5", model="x")], jets_file, out
    )
    refused(InputError, "no such jets file", candidates, tmp_path / "no.h5", out)
    gone = dataclasses.replace(candidates[1], report=tmp_path / "report.json", design="hls")
    refused(InputError, r"report\.json: no such file", [gone], jets_file, out)


@pytest.mark.parametrize(
    ("background", "message"), [(("QDC",), "'QDC' is no class.*did you mean 'QCD'"), (("QCD", "top"), "every class is")]
)
def test_a_background_that_is_none_is_refused(
    candidates: list[Candidate], jets_file: Path, tmp_path: Path, background: tuple[str, ...], message: str
) -> None:
    config = dataclasses.replace(QUICK, background=background)
    refused(ConfigError, message, candidates, jets_file, tmp_path / "out", config)


def test_a_folder_of_others_is_left_alone(candidates: list[Candidate], jets_file: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StorageError, match="files that tagware did not write"):
        compare(candidates, jets_file, QUICK, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"jet_rate": 40_000}, "unknown key 'jet_rate'; did you mean 'jet_rate_khz'"),
        ({"budget": {"luts": 1}}, "budget: unknown key 'luts'"),
        ({"budget": {"lut": -1}}, "lut must not be negative"),
        ({"budget": {"latency_ns": float("nan")}}, "latency_ns must not be negative or infinite, not nan"),
        ({"jet_rate_khz": float("inf")}, "not within the jet rate of inf kHz"),
        ({"signal_efficiencies": [0.5, 1.0]}, "1.0 is not within"),
        ({"working_point": 0.4}, "0.4 is none of signal_efficiencies; use one of 0.3, 0.5, 0.8"),
        ({"rate_budget_khz": 2000.0}, "not within the jet rate"),
        ({"n_replicas": 1}, "n_replicas must be at least 2"),
        ({"n_bins": 0}, "n_bins must be at least 1"),
        ({"n_bins": 10**5}, "n_bins must be at most 1000"),
        ({"robustness": {"drop": [1.0]}}, "drop must be within"),
        ({"robustness": {"smear_pt": [0.0]}}, "smearing must be positive"),
        ({"robustness": {"n_jets": -1}}, "n_jets must not be negative"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused_by_key(mapping: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fill(CompareConfig, mapping, "compare.yaml")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("tables", "auc", 0, "auc", "value"), float("nan"), r"tables\.auc\[0\]\.auc\.value: must be a finite number"),
        (("tables", "auc", 0, "auc", "error"), -1.0, r"tables\.auc\[0\]\.auc\.error: -1\.0 is less than"),
        (("tables", "auc", 0, "area"), 1.0, r"tables\.auc\[0\]: Additional properties"),
        (("layout",), "other", r"layout: 'tagware-comparison-2' was expected"),
        (("taggers",), [], r"taggers: \[\] "),
    ],
)
def test_a_damaged_comparison_is_refused_by_path(
    made: Path, tmp_path: Path, path: tuple[Any, ...], value: Any, message: str
) -> None:
    content = json.loads((made / "comparison.json").read_text())
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    (tmp_path / "comparison.json").write_text(json.dumps(content))
    with pytest.raises(LayoutError, match=message):
        render_comparison(tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["comparison.json"]


def test_no_two_taggers_look_alike_with_or_without_colour(made: Path) -> None:
    comparison = Comparison.load(made)
    many = dataclasses.replace(comparison, taggers=[{"name": f"tagger {place}"} for place in range(16)])
    looks = [(look(many, name)["color"], str(look(many, name)["linestyle"]), marker(many, name)) for name in many.names]
    assert len(set(looks)) == 16
    assert len({line for _, line, _ in looks[:8]}) == len({sign for _, _, sign in looks[:8]}) == 8


def test_nothing_to_render_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"comparison\.json: no such file"):
        render_comparison(tmp_path)


def test_importing_the_room_imports_no_framework() -> None:
    code = "import sys, hls.comparison; print({'torch', 'keras', 'hls4ml', 'matplotlib', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
