"""Small students as Brevitas trains them, with wide random weights and binary points moved away from their start."""

from __future__ import annotations

import torch

from compress.quantize.brevitas import BrevitasBits, build_quantized
from compress.quantize.brevitas_student import BrevitasStudent
from models.students.feed_forward import FeedForwardSpec
from tests.feed_forward_students import with_wide_weights


def build_brevitas(spec: FeedForwardSpec, n_outputs: int = 2, seed: int = 0) -> BrevitasStudent:
    model, rng = with_wide_weights(lambda: build_quantized(spec, BrevitasBits(), n_outputs), seed)
    student = BrevitasStudent(spec, model, None, 0)
    with torch.no_grad():
        for name, values in student.network.named_parameters():
            if name.endswith("scaling_impl.value"):
                values += -4.0 if "pool_q" in name else float(rng.integers(-1, 3))  # the mean's is left of 2^-1
    return student
