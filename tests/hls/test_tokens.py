"""The page of what tokens keep of jets, by itself and beside a report."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

import tagware
from flow.reporting import REPORT, SCORES, render_saved
from hls.compare import Scores
from hls.report import Report
from hls.tables import measured
from jets.dataset import JetsWriter
from jets.errors import LayoutError
from models.registry import architecture
from models.tagger import Tagger
from models.teachers.tokenization_quality import N_BINS, TokenizationQuality
from tests.synthetic import synthetic_jets

QUANTITIES = {"jet_mass", "jet_pt", "tau32", "constituent_pt", "constituent_deta", "constituent_dphi"}


def teacher(folder: Path, name: str = "omnijet", started: bool = True) -> Path:
    """A tagger with random weights, whose tokenizer passes for a trained one if `started`."""
    design, config = architecture(name), architecture(name).config_class()
    network = design.build(config, 1)
    if name == "omnijet":
        network.tokenizer.codebook.started.fill_(started)
    scaling = design.fit_scaling(synthetic_jets(50), config)
    return Tagger(name, config, ("QCD", "top"), scaling, network, "torch").save(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the verb has measured a teacher."""
    folder = tmp_path_factory.mktemp("tokens")
    with JetsWriter(folder / "jets.h5") as writer:
        writer.append(synthetic_jets(400))
    verb = ["tokens", teacher(folder / "teacher"), folder / "jets.h5", folder / "out", "--n-jets", 80]
    assert tagware.main([str(word) for word in verb]) == 0
    return folder


def test_the_page_shows_every_number_of_its_record(folder: Path) -> None:
    page, quality = (folder / "out/tokens.html").read_text(), TokenizationQuality.load(folder / "out/tokens.json")
    assert quality.n_jets == 80
    assert set(quality.bias) == set(quality.resolution) == set(quality.spectra) == set(quality.losses) == QUANTITIES
    shown = page.replace("\N{NO-BREAK SPACE}", " ")
    for measure in (*quality.bias.values(), *quality.resolution.values(), quality.classifier_auc):
        assert measured(dataclasses.asdict(measure)) in shown
    assert f"{quality.used_codes:,} of {quality.codebook:,} codes" in shown
    assert page.count("<svg") == 2 * len(QUANTITIES)
    assert not re.findall(r'(?:src|href)="(?!data:|#|https://arxiv)', page), "the page needs nothing else"


def test_histograms_count_every_jet_and_the_csv_has_them_in_full_precision(folder: Path) -> None:
    page, quality = (folder / "out/tokens.html").read_text(), TokenizationQuality.load(folder / "out/tokens.json")
    links = dict(re.findall(r'download="(\w+)\.csv" href="data:text/csv;charset=utf-8,([^"]*)"', page))
    sheets = {name: list(csv.DictReader(io.StringIO(unquote(text)))) for name, text in links.items()}
    assert [sum(quality.spectra["jet_mass"].counts[kind]) for kind in ("original", "reconstructed")] == [80, 80]
    bins = [row for row in sheets["histograms"] if (row["quantity"], row["counted"]) == ("jet_pt", "reconstructed")]
    assert [int(row["count"]) for row in bins] == quality.spectra["jet_pt"].counts["reconstructed"]
    assert len(bins) == N_BINS and float(bins[0]["low"]) == quality.spectra["jet_pt"].low
    (row,) = [row for row in sheets["resolutions"] if row["quantity"] == "tau32"]
    assert float(row["resolution_error"]) == quality.resolution["tau32"].error
    assert sheets["codes"][0]["perplexity"] == str(quality.perplexity)


@pytest.mark.parametrize(("name", "started"), [("omnijet", False), ("masked_particle", True), ("gru", True)])
def test_a_teacher_without_a_trained_tokenizer_is_refused(
    name: str, started: bool, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = teacher(tmp_path / "plain", name, started)
    assert tagware.main(["tokens", str(plain), str(folder / "jets.h5"), str(tmp_path / "out")]) == 2
    assert f"tagware: {plain}: this teacher has no tokenizer that was trained" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_report_links_the_page_of_its_teachers_tokens_where_they_were_measured(
    folder: Path, tmp_path: Path, top_report: Report, top_scores: Scores
) -> None:
    top_report.save(tmp_path / REPORT)
    top_scores.save(tmp_path / SCORES)
    render_saved(tmp_path)
    assert "tokens.html" not in (tmp_path / "report.html").read_text()
    TokenizationQuality.load(folder / "out/tokens.json").save(tmp_path / "tokens.json")
    render_saved(tmp_path)
    assert 'href="tokens.html"' in (tmp_path / "report.html").read_text()
    assert f"<h1>{top_report.project}: teacher</h1>" in (tmp_path / "tokens.html").read_text()


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokens.json").write_text('{"n_jets": 80}')
    with pytest.raises(LayoutError, match=r"tokens\.json: is not the quality of a tokenization"):
        TokenizationQuality.load(tmp_path / "tokens.json")


def test_what_lies_beyond_a_histogram_is_in_its_outer_bins(folder: Path) -> None:
    spectrum = TokenizationQuality.load(folder / "out/tokens.json").spectra["jet_pt"]
    assert spectrum.counts["original"][0] > 0 and spectrum.counts["original"][-1] > 0
    assert np.all(np.diff(spectrum.edges) > 0)
