"""hls4ml layer handlers for the HGQ2 layers of `models.students.heterogeneous`.

Importing this module registers them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hls4ml.converters.keras_v3._base import KerasV3LayerHandler

from hls.convert.exact_layers import ExactDenseHandler
from hls.convert.qkeras import planned


class HeterogeneousDenseHandler(ExactDenseHandler):
    """HeterogeneousDense becomes Dense."""

    handles = ("HeterogeneousDense",)


class HeterogeneousCastHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """HeterogeneousCast becomes hls4ml's layer of HGQ2's quantizers, with the types of every value."""

    handles = ("HeterogeneousCast",)

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        """One FixedPointQuantizer."""
        plan = planned(layer)
        shape = (1, *(int(size) for size in in_tensors[0].shape[1:]))
        bits = np.array([(lane.signed, lane.width, lane.integer) for lane in plan.lanes], np.int16).T
        modes = {"RND": plan.lanes[0].rounding, "SAT": plan.lanes[0].overflow}
        masks = tuple(np.broadcast_to(row, shape) for row in bits)
        return (
            {
                **self.default_config,
                "class_name": plan.kind,
                "mask_kbi": masks,
                **modes,
                "fusible": None,
                "overrides": {},
            },
        )
