"""Invented scores and a report made of them; the numbers are plausible, not measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hls.compare import Scores, physics
from hls.report import Report

NOISE = {"teacher": 0.0, "reference": 0.9, "student_float": 0.6, "student_quantized": 0.7}


def invented_scores(n_jets: int, classes: tuple[str, ...], seed: int = 3) -> Scores:
    """Gaussian logits, one model noisier than the other; quantized ones are multiples of 1/64."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(n_jets) % len(classes)).astype(np.int16)
    columns = np.array([1]) if len(classes) == 2 else np.arange(len(classes))
    truth = np.where(labels[:, None] == columns, 1.5, -1.5)
    base = truth + rng.normal(size=truth.shape)
    outputs = {name: base + noise * rng.normal(size=base.shape) for name, noise in NOISE.items()}
    outputs["student_quantized"] = np.round(outputs["student_quantized"] * 64) / 64
    outputs["csim"] = outputs["student_quantized"] + (rng.random(base.shape) < 0.01) / 64
    return Scores(labels, np.arange(n_jets, dtype=np.uint64), classes, outputs)


@pytest.fixture(scope="session")
def top_scores() -> Scores:
    return invented_scores(2000, ("QCD", "top"))


@pytest.fixture(scope="session")
def five_class_scores() -> Scores:
    return invented_scores(2000, ("g", "q", "W", "Z", "t"))


def sections_of(scores: Scores) -> dict[str, Any]:
    """Everything `Report.build` asks for."""
    types = {"weight": "ap_fixed<8,1>", "recurrent_weight": "ap_fixed<6,1>", "accumulator": "ap_fixed<22,8>"}
    return {
        "project": "top_gru",
        "created": "2026-11-21T12:00:00+00:00",
        "versions": {"python": "3.11.7", "qkeras-v3": "1.2.1", "verilator": None},
        "jets": {
            "source": "invented",
            "provenance": {"seed": 3},
            "n_train": 6000,
            "n_validation": 1000,
            "n_test": len(scores),
            "classes": scores.classes,
        },
        "physics": physics(scores, n_replicas=20),
        "exactness": {
            "quantized_vs_csim": {
                "n_vectors": 2000,
                "n_mismatch": 23,
                "max_abs_difference": 0.015625,
                "limit": 0.03125,
                "reason": "gates are tables",
            },
            "csim_testbench": {"n_vectors": 2000, "n_mismatch": 0},
        },
        "hardware": [
            {
                "tool": "rule",
                "kind": "estimate",
                "latency_ns": 1655.0,
                "lut": 50012,
                "dsp": 60,
                "note": "before synthesis",
            }
        ],
        "precision": [{"name": "rnn", "kind": "GRU", "precisions": types, "strategy": "Latency", "reuse_factor": 1}],
        "cost": {
            "teacher_parameters": 2141186,
            "student_parameters": 3089,
            "ebops": None,
            "stage_seconds": {"teacher": 312.4},
        },
    }


@pytest.fixture(scope="session")
def top_sections(top_scores: Scores) -> dict[str, Any]:
    return sections_of(top_scores)


@pytest.fixture(scope="session")
def top_report(top_sections: dict[str, Any]) -> Report:
    return Report.build(**top_sections)


@pytest.fixture(scope="session")
def five_class_report(five_class_scores: Scores) -> Report:
    return Report.build(**sections_of(five_class_scores))
