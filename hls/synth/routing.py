"""A design placed and routed for the largest ECP5, between shift registers so that it needs few pins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hls.rtl.design import Design
from hls.synth.config import SynthConfig
from hls.synth.mapping import stage_name
from hls.synth.script import ecp5_script, out_of_context
from hls.synth.stage import Stage
from hls.synth.synthesis import Routed
from hls.tools.nextpnr import Nextpnr, Report, Use, parse_report, parse_utilization
from hls.tools.yosys import Yosys
from jets.files import existing_file

SCRIPT, WRAPPER, NETLIST = "script.ys", "out_of_context.v", "netlist.json"
REPORT, LOG = "report.json", "run.log"
LUT, FLIP_FLOP, MULTIPLIER, BLOCK_RAM = "TRELLIS_COMB", "TRELLIS_FF", "MULT18X18D", "DP16KD"


def route_design(
    design: Design, config: SynthConfig, folder: Path, yosys: Yosys, nextpnr: Nextpnr
) -> tuple[Routed, ...]:
    """Place and route a design, whose files are in `folder`/design, once for each seed.

    Raises:
        ToolFailed: a program failed, other than because the design does not fit, or took too long.
        LayoutError: what it wrote is damaged.
    """
    mapped = _map(design, config, folder, yosys)
    return tuple(_place(design, seed, config, mapped, nextpnr) for seed in config.seeds)


def _map(design: Design, config: SynthConfig, folder: Path, yosys: Yosys) -> Stage:
    wrapper, script = out_of_context(design), ecp5_script(design, config.kept_to_luts, "../design")
    stage = Stage(
        folder=folder / stage_name("ecp5", config.dsp, config.bram),
        title=f"map {design.name} to ECP5",
        inputs={"design": design.digest, "script": script, "wrapper": wrapper, "yosys": yosys.version},
        outputs=(NETLIST,),
    )

    def work() -> None:
        (stage.folder / WRAPPER).write_text(wrapper)
        (stage.folder / SCRIPT).write_text(script)
        yosys.run(stage.folder / SCRIPT, stage.folder / LOG, config.yosys_timeout_s)

    stage.run(work)
    return stage


def _place(design: Design, seed: int, config: SynthConfig, mapped: Stage, nextpnr: Nextpnr) -> Routed:
    folder = mapped.folder.with_name(f"{mapped.folder.name.replace('yosys', 'nextpnr')}-seed{seed}")
    argv = nextpnr.command(f"../{mapped.folder.name}/{NETLIST}", REPORT, 1000.0 / design.clock_ns, seed)
    stage = Stage(
        folder=folder,
        title=f"place and route {design.name} with seed {seed}",
        inputs={**mapped.inputs, "command": " ".join(argv[1:]), "nextpnr": nextpnr.version},
        outputs=(LOG,),
    )

    def work() -> None:
        (folder / REPORT).unlink(missing_ok=True)
        finished = nextpnr.run(argv, folder, folder / LOG, config.nextpnr_timeout_s)
        if _fits(parse_utilization((folder / LOG).read_text())):
            finished.check()

    seconds = stage.run(work)
    use: Mapping[str, Use] = parse_utilization((folder / LOG).read_text())
    report = None
    if _fits(use):
        path = existing_file(folder / REPORT, "report of nextpnr", "remove the folder and synthesize again")
        report = parse_report(path.read_text(), path)
        use = report.use
    return _routed(seed, use, report, seconds)


def _fits(use: Mapping[str, Use]) -> bool:
    return all(used <= available for used, available in use.values())


def _routed(seed: int, use: Mapping[str, Use], report: Report | None, seconds: float) -> Routed:
    lut, ff, dsp, bram = (use[kind][0] if kind in use else None for kind in (LUT, FLIP_FLOP, MULTIPLIER, BLOCK_RAM))
    return Routed(
        seed=seed,
        fits=report is not None,
        fmax_mhz=report.fmax_mhz if report else None,
        lut=lut,
        ff=ff,
        dsp=dsp,
        bram=bram,
        critical_path=report.critical_path if report else (),
        seconds=seconds,
    )
