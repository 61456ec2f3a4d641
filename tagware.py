"""The front door: one verb a stage, no logic."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from jets.errors import TagwareError

__version__ = "0.1.0"

DESCRIPTION = "From foundation-model jet taggers to verified trigger firmware."
CLUSTER = "Dask: local, or a scheduler such as tcp://host:8786"
EPILOG = "Start with `tagware run firmware_projects/top_gru`; `tagware VERB --help` tells more about a verb."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the exit status is 0, 1 when two models that must agree do not, or 2 for any other error."""
    options = parser().parse_args(arguments)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the programs we started end, too
    try:
        from flow import verbs

        verb = getattr(verbs, options.verb.replace("import", "import_jets"))
        return int(verb(options) or 0)
    except TagwareError as error:
        print(f"tagware: {error}", file=sys.stderr)
        return error.exit_status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        from jets.files import storage_error

        known = storage_error(error, Path(error.filename or "output"))
        if known is None:
            raise
        print(f"tagware: {known}", file=sys.stderr)
        return known.exit_status
    except KeyboardInterrupt:
        print("tagware: interrupted; the same command goes on from the last finished stage", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser("tagware", description=DESCRIPTION, epilog=EPILOG)
    top.add_argument("--version", action="version", version=f"tagware {__version__}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    _jets_verbs(verbs)
    _model_verbs(verbs)
    _firmware_verbs(verbs)
    _project_verbs(verbs)
    return top


def _jets_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    simulate = verbs.add_parser("simulate", help="make labelled jets with Pythia 8 and FastJet")
    simulate.add_argument("out", type=Path, help="jets file to write (.h5)")
    simulate.add_argument("--classes", nargs="+", metavar="CLASS", help="e.g. QCD top, or g q W Z t")
    simulate.add_argument("--n", dest="n_per_class", type=int, metavar="N", help="jets per class")
    simulate.add_argument("--pt-gev", type=float, nargs=2, metavar=("MIN", "MAX"), help="window of jet pT")
    simulate.add_argument("--detector", metavar="CARD", help="none, light, cms, or a YAML card of yours")
    simulate.add_argument("--views", nargs="+", metavar="VIEW", help="e.g. seed fsr_up detector_cms pile_up_140")
    simulate.add_argument("--seed", type=int)
    simulate.add_argument("--config", type=Path, metavar="YAML", help="all options of a simulation as a YAML file")
    simulate.add_argument("--processes", type=int, metavar="N", help="worker processes (default: one a core)")
    simulate.add_argument("--cluster", metavar="WHERE", help=CLUSTER)
    bring = verbs.add_parser("import", help="convert a public data set into a jets file")
    bring.add_argument("format", help="jetclass, jetnet, cms_pfnano, ...: see docs/data.md")
    bring.add_argument("paths", nargs="+", help="files or folders of files; CLASS=PATH where files hold no labels")
    bring.add_argument("out", type=Path, help="jets file to write (.h5)")
    bring.add_argument("--classes", nargs="+", metavar="CLASS", help="classes in their order; NEW=OLD renames one")
    bring.add_argument("--n-constituents", type=int, metavar="N", help="keep only the hardest")
    bring.add_argument("--processes", type=int, metavar="N", help="worker processes (default: one a core)")
    bring.add_argument("--cluster", metavar="WHERE", help=CLUSTER)


def _model_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    train = verbs.add_parser("train", help="train a teacher or a reference tagger")
    train.add_argument("jets", type=Path, help="jets file")
    train.add_argument("out", type=Path, help="folder of the tagger")
    train.add_argument("--config", type=Path, metavar="YAML", help="a project.yaml")
    train.add_argument("--section", default="teacher", choices=("teacher", "reference"), help="which of its taggers")
    teach = verbs.add_parser("teach", help="store a teacher's logits and embedding for every jet")
    teach.add_argument("teacher", type=Path, help="folder of a tagger")
    teach.add_argument("jets", type=Path, help="jets file")
    teach.add_argument("out", type=Path, help="HDF5 file of teacher outputs")
    tokens = verbs.add_parser("tokens", help="measure what the tokens of a teacher keep of jets, on one page")
    tokens.add_argument("teacher", type=Path, help="folder of an omnijet")
    tokens.add_argument("jets", type=Path, help="jets file, of which test jets are measured")
    tokens.add_argument("out", type=Path, help="folder of the page and its JSON")
    tokens.add_argument("--n-jets", type=int, metavar="N", help="test jets (default: 5000)")
    distil = verbs.add_parser("distil", help="train the quantized student on stored teacher outputs")
    distil.add_argument("jets", type=Path, help="jets file")
    distil.add_argument("out", type=Path, help="folder of the float and the quantized student")
    distil.add_argument(
        "--teacher-outputs",
        type=Path,
        nargs="+",
        default=[],
        metavar="H5",
        help="made by `tagware teach`, several are averaged; without: plain cross entropy",
    )
    distil.add_argument("--teacher", type=Path, help="folder of the tagger that is asked where compress augments jets")
    distil.add_argument("--config", type=Path, metavar="YAML", help="a project.yaml: its student and compress")


def _firmware_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    convert = verbs.add_parser("convert", help="have hls4ml write the HLS C++ project of a student, and check it")
    convert.add_argument("student", type=Path, help="folder of a quantized tagger")
    convert.add_argument("out", type=Path, help="folder of the firmware project")
    convert.add_argument("--jets", type=Path, help="jets for the self-check (default: random inputs)")
    convert.add_argument("--config", type=Path, metavar="YAML", help="a project.yaml: its hls")
    csim = verbs.add_parser("csim", help="build and run the C simulation testbench of a firmware project")
    csim.add_argument("firmware", type=Path, help="folder of the firmware project")
    csim.add_argument("--student", type=Path, help="folder of the quantized tagger, to make the vectors anew")
    csim.add_argument("--jets", type=Path, help="jets file whose test jets are simulated and stored as vectors")
    _rtl_verbs(verbs)


def _rtl_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    rtl = verbs.add_parser("rtl", help="emit the RTL of a student, equal to its HLS C++ bit for bit")
    rtl.add_argument("student", type=Path, help="folder of a quantized tagger")
    rtl.add_argument("out", type=Path, help="folder of the RTL design")
    rtl.add_argument("--config", type=Path, metavar="YAML", help="a project.yaml: its hls and rtl")
    cosim = verbs.add_parser("cosim", help="simulate an RTL design cycle by cycle against the C simulation")
    cosim.add_argument("design", type=Path, help="folder of the RTL design")
    cosim.add_argument("firmware", type=Path, help="folder of the firmware project, whose C simulation is the truth")
    cosim.add_argument("out", type=Path, help="folder of the simulator, its logs, traces and result")
    cosim.add_argument("--student", type=Path, help="folder of the quantized tagger, to simulate the jets of --jets")
    cosim.add_argument("--jets", type=Path, help="jets file whose test jets are simulated (default: stored vectors)")
    cosim.add_argument("--config", type=Path, metavar="YAML", help="a project.yaml: its cosim")
    cosim.add_argument("--trace", choices=("vcd", "fst"), help="write waveforms of the first jets")
    cosim.add_argument("--n-jets", type=int, metavar="N", help="simulate the first N vectors only")
    synth = verbs.add_parser("synth", help="synthesise an RTL design with Yosys, and nextpnr if asked")
    synth.add_argument("design", type=Path, help="folder of the RTL design")
    synth.add_argument("out", type=Path, help="folder of logs, netlists and the result")
    synth.add_argument("--firmware", type=Path, help="firmware project whose vectors check the netlist")
    synth.add_argument("--config", type=Path, metavar="YAML", help="a project.yaml: its synth")
    synth.add_argument("--place-and-route", action="store_true", help="for the largest ECP5, which takes minutes")
    vendor = verbs.add_parser("vendor", help="run Vitis HLS, Vivado HLS, Vivado or Quartus where they are installed")
    vendor.add_argument("tool", help="vitis_hls, vivado_hls, vivado or quartus")
    vendor.add_argument("target", type=Path, help="folder of a firmware project or of an RTL design")
    vendor.add_argument("out", type=Path, help="folder of its work")
    vendor.add_argument("steps", nargs="+", help="e.g. csynth cosim, or synthesis implementation")
    vendor.add_argument("--part", help="FPGA (default: that of the target)")
    vendor.add_argument("--clock-ns", type=float, help="clock period (default: that of the target)")
    vendor.add_argument("--prefix", metavar="COMMAND", help="put before the tool's command, e.g. 'ssh host'")


def _project_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = verbs.add_parser("run", help="bring every stage of a project up to date")
    run.add_argument("project", type=Path, help="folder with a project.yaml")
    run.add_argument("--until", metavar="STAGE", help="stop after this stage")
    run.add_argument("--place-and-route", action="store_true", help="with nextpnr, too, which takes minutes to hours")
    status = verbs.add_parser("status", help="tell which stages of a project are up to date")
    status.add_argument("project", type=Path, help="folder with a project.yaml")
    report = verbs.add_parser("report", help="show a project's saved report and render it again")
    report.add_argument("project", type=Path, help="folder with a project.yaml")
    report.add_argument("--readme", type=Path, help="put the main table between this file's report marks")
    report.add_argument("--save", action="store_true", help="keep report.json and golden/ beside project.yaml, for git")
    _search_verb(verbs)
    _compare_verb(verbs)
    package = verbs.add_parser("package", help="put a finished project into one archive that others can verify")
    package.add_argument("project", type=Path, help="folder with a project.yaml")
    package.add_argument("--out", type=Path, metavar="ARCHIVE", help="ZIP (default: NAME-VERSION.zip in its build)")
    verify = verbs.add_parser("verify", help="check a package, and run again what is in it (its C++ included)")
    verify.add_argument("archive", type=Path, help="made by `tagware package`")
    doctor = verbs.add_parser("doctor", help="tell which tools are here, and what the missing ones would add")
    doctor.add_argument("--json", action="store_true", help="as JSON")


def _search_verb(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    search = verbs.add_parser("search", help="try many students of a project, and choose one for a budget")
    search.add_argument("project", type=Path, help="folder with a project.yaml that has a section search")
    search.add_argument("--trials", type=int, metavar="N", help="how many, those of earlier calls included")
    search.add_argument(
        "--jobs", type=int, metavar="N", help="trials at a time (default: 1, or all that a cluster has)"
    )
    search.add_argument("--cluster", metavar="WHERE", help=CLUSTER)
    search.add_argument("--storage", metavar="URL", help="sqlite:///, postgresql://, redis:// or journal:///")
    search.add_argument("--lut", type=int, metavar="N", help="budget of look-up tables")
    search.add_argument("--latency-ns", type=float, metavar="NS", help="budget of latency")
    search.add_argument("--part", help="FPGA that the winner's project.yaml names")
    search.add_argument("--readme", type=Path, help="put the front between this file's report marks")


def _compare_verb(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    compare = verbs.add_parser("compare", help="measure several taggers on the same test jets, on one page")
    compare.add_argument(
        "taggers", nargs="+", metavar="TAGGER", help="folder of a tagger or a project, or PROJECT:MODEL; also NAME=…"
    )
    compare.add_argument("--out", type=Path, required=True, help="folder of the page, JSON, tables and plots")
    compare.add_argument("--jets", type=Path, help="jets file (default: that of the first project)")
    compare.add_argument("--config", type=Path, metavar="YAML", help="keys of docs/comparison.md")
    compare.add_argument("--jet-rate-khz", type=float, metavar="KHZ", help="rate of background jets before the tagger")
    compare.add_argument("--rate-budget-khz", type=float, metavar="KHZ", help="rate that the tagger may let through")
    compare.add_argument("--lut", type=int, metavar="N", help="budget of look-up tables")
    compare.add_argument("--dsp", type=int, metavar="N", help="budget of DSP slices")
    compare.add_argument("--latency-ns", type=float, metavar="NS", help="budget of latency")


if __name__ == "__main__":
    sys.exit(main())
