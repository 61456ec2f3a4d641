"""The RTL path as an hls4ml backend: `convert_from_keras_model(model, backend="tagware")`.

A conversion runs the flows of the Vitis backend, so that precisions are its own and the HLS C++ stays there to compare
with. `compile()` traces the graph and compiles the C simulation, `predict(x)` interprets the traced firmware
(`simulation="csim"` or `"rtl"` asks the C simulation or the simulated RTL instead), and `build()` emits the RTL,
simulates it against the C simulation and synthesises it with open tools.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from hls4ml.backends.vitis.vitis_backend import VitisBackend
from hls4ml.backends.vivado.vivado_backend import VivadoBackend
from hls4ml.model.flow import get_flow, register_flow
from hls4ml.model.optimizer import ModelOptimizerPass, register_pass
from hls4ml.writer.vitis_writer import VitisWriter
from numpy.typing import NDArray

import hls.convert.qkeras  # noqa: F401 (registers the layers of qkeras-v3)
from hls.convert.kernels import REPLACED_CALLS, use_own_kernels
from hls.cosim import CosimConfig, CosimResult, cosim, stimuli
from hls.cosim.cosim import OUTPUTS
from hls.fixed_point import FixedType
from hls.rtl import trace
from hls.rtl.config import RtlConfig
from hls.rtl.design import Design
from hls.rtl.emit import emit
from hls.synth import SynthConfig, Synthesis, synthesize
from jets.config import fill
from jets.errors import ConfigError, ExactnessError

NAME = "tagware"
KERNELS = Path(__file__).parent / "convert" / "kernels"


class UseOwnKernels(ModelOptimizerPass):  # type: ignore[misc]
    """Calls our kernels where those of hls4ml are wrong."""

    def __init__(self) -> None:
        self.name = "use_own_kernels"

    def transform(self, model: Any) -> bool:
        """Replace the calls in the graph, once."""
        use_own_kernels(model)
        return False


class TagwareBackend(VitisBackend):  # type: ignore[misc]
    """hls4ml's Vitis backend with RTL from open tools in place of the vendor's build."""

    def __init__(self) -> None:
        super(VivadoBackend, self).__init__(name=NAME)
        self._register_layer_attributes()
        self._register_flows()
        for _, _, header in REPLACED_CALLS.values():
            self.register_source(KERNELS / header)

    def _register_flows(self) -> None:
        register_pass("use_own_kernels", UseOwnKernels, backend=self.name)
        kernels = register_flow("kernels", ["tagware:use_own_kernels"], requires=["vitis:ip"], backend=self.name)
        whole = [*get_flow("vitis:ip").requires, kernels]
        self._default_flow = register_flow("ip", None, requires=whole, backend=self.name)
        write = ["make_stamp", "tagware:write_hls"]
        self._writer_flow = register_flow("write", write, requires=["tagware:ip"], backend=self.name)

    def create_initial_config(self, rtl: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """The Vitis backend's configuration, and `rtl`, the fields of `hls.rtl.config.RtlConfig` but clock and part.

        Raises:
            ConfigError: a field that is not known, or out of range.
        """
        config: dict[str, Any] = super().create_initial_config(**options)
        given = {**(rtl or {}), "clock_ns": float(config["ClockPeriod"]), "part": config["Part"]}
        config["Rtl"] = dataclasses.asdict(fill(RtlConfig, given, "convert_from_…_model: rtl"))
        return config

    def compile(self, model: Any) -> str:
        """Trace the graph and compile its C simulation; the library's path.

        Raises:
            InputError: a layer or an option that is not traced; names it and what would support it.
        """
        model.circuit = trace(model)
        return str(super().compile(model))

    def predict(self, model: Any, x: NDArray[Any], simulation: str = "interpreter") -> NDArray[np.float32]:
        """Outputs of the firmware for inputs (n_jets, …): "interpreter" of the traced logic, "csim", or "rtl".

        Raises:
            ConfigError: another simulation, or the model is not compiled.
            ExactnessError: the simulated RTL did not answer every jet ("rtl").
            ToolNotFound, ToolFailed: there is no Verilator, or it failed ("rtl").
        """
        if not hasattr(model, "circuit"):
            raise ConfigError("the model is not compiled", None, "call compile() first")
        if simulation == "csim":
            return np.asarray(model._predict(x), np.float32)
        if simulation not in ("interpreter", "rtl"):
            raise ConfigError(f"unknown simulation {simulation!r}", None, "use 'interpreter', 'csim' or 'rtl'")
        values = model.circuit.interpret(x)
        if simulation == "rtl":
            values = _simulated(model, x, values)
        return np.asarray(values.reshape(len(x), *model.get_output_variables()[0].shape), np.float32)

    def build(
        self,
        model: Any,
        x: NDArray[Any] | None = None,
        cosim: bool = True,
        synth: bool = True,
        cosim_options: dict[str, Any] | None = None,
        synth_options: dict[str, Any] | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        """Emit the RTL into `rtl/` of the output folder; simulate it against the C simulation; synthesise it.

        Args:
            model: the compiled ModelGraph.
            x: inputs (n_jets, …) to simulate before random vectors and corner cases.
            cosim, synth: what to run.
            cosim_options, synth_options: the fields of `hls.cosim.CosimConfig` and `hls.synth.SynthConfig`.

        Returns:
            what `hls4ml.report.print_vivado_report` prints: "CosimReport" and "VivadoSynthReport" (of Yosys).

        Raises:
            ConfigError: the model is not compiled, or a field that is not known.
            ToolNotFound, ToolFailed: a tool is missing or failed.
        """
        design, folder = _design(model), _folder(model)
        design.save(folder / "rtl")
        report = {}
        if cosim:
            config = fill(CosimConfig, cosim_options or {}, "build: cosim_options")
            report["CosimReport"] = _cosim_report(design, _compared(model, design, x, config, folder / "cosim"))
        if synth:
            wanted = fill(SynthConfig, synth_options or {}, "build: synth_options")
            report["VivadoSynthReport"] = _synthesis_report(synthesize(design, wanted, folder / "synth"))
        return report


def register(register_backend: Any, register_writer: Any) -> None:
    """Called by hls4ml for the entry point of group hls4ml.backends."""
    register_writer(NAME, VitisWriter)
    register_backend(NAME, TagwareBackend)


def _folder(model: Any) -> Path:
    return Path(model.config.get_output_dir())


def _design(model: Any) -> Design:
    if not hasattr(model, "circuit"):
        raise ConfigError("the model is not compiled", None, "call compile() first")
    config = fill(RtlConfig, model.config.get_config_value("Rtl"), "Rtl")
    return emit(model.circuit, model.config.get_project_name().lower(), config)


def _simulated(model: Any, x: NDArray[Any], interpreted: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the simulated RTL gives for inputs (n_jets, …)."""
    design = _design(model)
    inputs = model.circuit.input.cast(np.asarray(x, np.float32).reshape(len(x), -1))
    waitless = CosimConfig(gap_probability=0.0, back_pressure_probability=0.0)
    folder = _folder(model) / "predict"
    sent, expected = _codes(inputs, model.circuit.input), _codes(interpreted, model.circuit.output)
    stream = cosim(design, sent, expected, waitless, folder).stream
    if stream.failure or stream.n_received < len(x):
        what = stream.failure or f"{stream.n_received} of {len(x)} jets came out"
        raise ExactnessError(f"the RTL failed: {what}", folder, "please report this model as a bug")
    return np.asarray(np.load(folder / OUTPUTS, allow_pickle=False) * model.circuit.output.step)


def _compared(model: Any, design: Design, x: NDArray[Any] | None, config: CosimConfig, folder: Path) -> CosimResult:
    """The RTL against the C simulation."""
    shape, kind = model.circuit.shape, model.circuit.input
    given = np.zeros((0, *shape), np.float32) if x is None else np.asarray(x, np.float32)
    jets = _codes(kind.cast(given.reshape(len(given), -1)), kind)
    sent = stimuli(design.input, shape, jets).first(config.n_jets)
    outputs = np.asarray(model._predict(np.ascontiguousarray((sent.codes * kind.step).reshape(-1, *shape))))
    expected = _codes(outputs.reshape(len(sent), -1).astype(np.float64), model.circuit.output)
    return cosim(design, sent, expected, config, folder)


def _codes(values: NDArray[Any], kind: FixedType) -> NDArray[np.int64]:
    return np.asarray(np.rint(values / kind.step), np.int64)


def _cosim_report(design: Design, result: CosimResult) -> dict[str, Any]:
    interval = result.interval_cycles
    return {
        "RTL": {"verilog": "Verilog", "vhdl": "VHDL"}[design.language],
        "Status": "Pass" if result.agrees else "Fail",
        "LatencyMin": result.stream.latency_least,
        "LatencyMax": result.stream.latency_most,
        "IntervalMin": interval,
        "IntervalMax": interval,
        "Vectors": result.n_vectors,
        "Mismatches": result.n_mismatch,
        "Complaints": result.complaints(),
    }


def _synthesis_report(synthesis: Synthesis) -> dict[str, Any]:
    row = synthesis.hardware[0]
    counts = {"LUT": row.lut, "FF": row.ff, "DSP48E": row.dsp, "BRAM_18K": row.bram, "URAM": 0}
    rows = [dataclasses.asdict(each) for each in synthesis.hardware]
    return {**counts, "Tool": f"{row.tool} {row.tool_version}", "Hardware": rows}
