"""A ModelGraph as files: what hls4ml writes, corrected where hls4ml is wrong, the same bytes every time."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hls.convert.graph import quiet
from jets.errors import ToolFailed

STAMP = "csim"
"""hls4ml puts a random number into the library's name; a project is data, so ours is fixed."""

LEFT_OUT = ("hls4ml_config.yml",)
"""hls4ml's own record holds the absolute output folder; `project.json` takes its place."""

_RECURRENT = "firmware/nnet_utils/nnet_recurrent.h"

PATCHES: tuple[tuple[str, str, str], ...] = (
    # lstm() hands accumulators to dense() as results: it compiles only where both types are the same.
    (
        _RECURRENT,
        "nnet::dense<data_T, res_T, typename CONFIG_T::mult_config1>(data, tmpres, param, param_b);",
        "nnet::dense<data_T, typename CONFIG_T::accum_t, typename CONFIG_T::mult_config1>(data, tmpres, param, param_b);",
    ),
    (
        _RECURRENT,
        "nnet::dense<data_T, res_T, typename CONFIG_T::mult_config2>(h_newstate, tmpres_state, param_r, param_br);",
        "nnet::dense<res_T, typename CONFIG_T::accum_t, typename CONFIG_T::mult_config2>(h_newstate, tmpres_state,\n"
        "                                                                                 param_r, param_br);",
    ),
    # QKeras takes tanh of the cell state before it is quantized: keep the exact sum in the accumulator for it.
    (
        _RECURRENT,
        "        s_newstate[iacc] = tmpres_c[iacc] * tmpres_ifo[iacc] + s_newstate[iacc] * tmpres_ifo[iacc + (CONFIG_T::n_state)];\n",
        "        inputacc_c[iacc] = tmpres_c[iacc] * tmpres_ifo[iacc] + s_newstate[iacc] * tmpres_ifo[iacc + (CONFIG_T::n_state)];\n"
        "        s_newstate[iacc] = inputacc_c[iacc];\n",
    ),
    (
        _RECURRENT,
        "CONFIG_T::template activation<res_T, typename CONFIG_T::accum_t, typename CONFIG_T::ACT_CONFIG_T>::activation(\n"
        "        s_newstate, s_actstate);",
        "CONFIG_T::template activation<typename CONFIG_T::accum_t, typename CONFIG_T::accum_t,\n"
        "                                  typename CONFIG_T::ACT_CONFIG_T>::activation(inputacc_c, s_actstate);",
    ),
    (
        _RECURRENT,
        "        s_state[iacc] = tmpres_c[iacc] * tmpres_ifo[iacc] + s_state[iacc] * tmpres_ifo[iacc + (CONFIG_T::n_state)];\n",
        "        inputacc_c[iacc] = tmpres_c[iacc] * tmpres_ifo[iacc] + s_state[iacc] * tmpres_ifo[iacc + (CONFIG_T::n_state)];\n"
        "        s_state[iacc] = inputacc_c[iacc];\n",
    ),
    (
        _RECURRENT,
        "CONFIG_T::template activation<res_T, typename CONFIG_T::accum_t, typename CONFIG_T::ACT_CONFIG_T>::activation(\n"
        "        s_state, s_actstate);",
        "CONFIG_T::template activation<typename CONFIG_T::accum_t, typename CONFIG_T::accum_t,\n"
        "                                  typename CONFIG_T::ACT_CONFIG_T>::activation(inputacc_c, s_actstate);",
    ),
)
"""(file, text of hls4ml 1.3.0, our text); each must be found exactly once."""


def firmware_files(graph: Any) -> dict[str, bytes]:
    """Every file of the graph's HLS project by path: the same graph gives the same bytes.

    Raises:
        ToolFailed: hls4ml's kernels are not those the corrections are for, or a file names the folder it was made in.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        graph.config.config["OutputDir"] = str(folder)
        write_graph(graph)
        files = {
            str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
        }
    kept = {name: content for name, content in files.items() if name not in LEFT_OUT}
    for name, content in kept.items():
        if place.encode() in content:
            raise ToolFailed("hls4ml wrote an absolute path", name, "add the file to the corrections of hls/convert")
    return kept


def write_graph(graph: Any) -> None:
    """Let hls4ml write the graph into its output folder and correct the kernels there."""
    with quiet():
        graph.write()
    folder = Path(graph.config.get_output_dir())
    random_stamp = graph.config.config["Stamp"]
    graph.config.config["Stamp"] = STAMP
    script = folder / "build_lib.sh"
    script.write_text(script.read_text().replace(f"LIB_STAMP={random_stamp}", f"LIB_STAMP={STAMP}"))
    patched = corrected({_RECURRENT: (folder / _RECURRENT).read_text()})
    for name, text in patched.items():
        (folder / name).write_text(text)


def corrected(files: Mapping[str, str]) -> dict[str, str]:
    """The files with `PATCHES` applied.

    Raises:
        ToolFailed: a text to be replaced is not found exactly once, as it is in hls4ml 1.3.0.
    """
    result = dict(files)
    for name, old, new in PATCHES:
        if result[name].count(old) != 1:
            what = f"a text to correct is found {result[name].count(old)} times, not once"
            raise ToolFailed(what, name, "install the hls4ml version of constraints.txt")
        result[name] = result[name].replace(old, new)
    return result
