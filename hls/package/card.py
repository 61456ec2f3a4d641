"""The model card of a package: what the firmware was trained for, what it is worth, and which inputs it takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from hls.csim.library import code_range
from hls.csim.sources import only_tensor
from hls.package.components import described
from hls.package.features import feature_table
from hls.package.templates import render
from hls.project import Project, Tensor
from hls.report import Report
from hls.rtl.design import Design
from hls.tables import Table, markdown_table, precision_table
from jets.features import CONSTITUENT_FEATURES, PowerOfTwoScaling
from jets.high_level import HIGH_LEVEL_FEATURES
from models.sequence import SEQUENCES


def model_card(
    report: Report, project: Project, design: Design | None, tagger: Mapping[str, Any], names: list[str]
) -> bytes:
    """The Markdown of a finished project's card; `tagger` is the student's tagger.json, `names` are the files'."""
    input_, output = only_tensor(project.inputs, "input", project), only_tensor(project.outputs, "output", project)
    scaling = None if tagger["scaling"] is None else PowerOfTwoScaling.from_dict(tagger["scaling"])
    low, high = code_range(output)
    inputs = input_table(input_, scaling, SEQUENCES.get(tagger["config"].get("sequence"), ()))
    return render(
        "card/MODEL_CARD.md",
        report=report,
        project=project,
        design=design,
        tagger=tagger,
        input=input_,
        output=output,
        output_range=[code * 2.0**-output.fraction_bits for code in (low, high)],
        inputs=inputs.markdown(),
        features=feature_table(row[0] for row in inputs.rows),
        saturates="AP_SAT" in input_.precision,
        selection=dict(_leaves(report.jets["provenance"].get("config", {}))),
        physics=markdown_table(report),
        precision=precision_table(report).markdown(),
        components=described(names),
        names=names,
    )


def input_table(input_: Tensor, scaling: PowerOfTwoScaling | None, features: tuple[str, ...] = ()) -> Table:
    """The features (the last axis of the input) with their scaling, and the values that the input type can hold.

    Without the names of the `features` their number tells them. Columns that the scaling does not know say whether
    there is a particle (`models.students.inputs`).
    """
    n_columns = input_.shape[-1]
    scaling = scaling or PowerOfTwoScaling((0.0,) * n_columns, (0,) * n_columns)
    n_features = len(scaling.offset)
    known = {len(HIGH_LEVEL_FEATURES): HIGH_LEVEL_FEATURES} if len(input_.shape) == 1 else CONSTITUENT_FEATURES
    names = features or known.get(n_features, tuple(f"input {place}" for place in range(n_features)))
    columns = [*zip(names, scaling.offset, scaling.exponent, strict=True)]
    columns += [("1 for a particle, else 0", 0.0, 0)] * (n_columns - n_features)
    rows = [
        (name, f"{offset:.10g}", str(exponent), *_range(input_, offset, exponent)) for name, offset, exponent in columns
    ]
    return Table(("Feature x", "Offset", "Exponent", "Least x", "Most x", "Step of x"), tuple(rows))


def _range(input_: Tensor, offset: float, exponent: int) -> tuple[str, ...]:
    """The least and the most value of a feature before its scaling, and their step."""
    step = math.ldexp(1.0, -input_.fraction_bits - exponent)
    return tuple(f"{value:.10g}" for value in (*(code * step + offset for code in code_range(input_)), step))


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The values of nested mappings as text, by their keys joined with dots."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{name}.{key}".lstrip("."))
    else:
        yield name, ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
