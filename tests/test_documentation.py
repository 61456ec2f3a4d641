"""README and docs say what is true: commands parse and run, links lead somewhere, numbers come from saved reports."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import uproot
import yaml

import tagware
from flow.search.result import SearchResult
from hls.render import markdown_table
from hls.report import Report
from jets.dataset import Jets, JetsFile, JetsWriter
from models.teachers.omnilearned import OmniLearned, OmniLearnedConfig
from tests.documentation import PAGES, ROOT, TYPED, blocks, commands, lines, mentions, types_in
from tests.jets.readers import test_jetnet, test_omnilearned
from tests.jets.readers.public_files import random_momenta, save, top_tagging_table
from tests.jets.readers.root_files import jetclass_branches, pfnano_branches, write_tree
from tests.models.teachers import test_omnilearned as test_omnilearned_network
from tests.models.teachers import test_particle_net
from tests.synthetic import synthetic_jets

README = ROOT / "README.md"
DOCS = ROOT / "docs"
TUTORIAL, COMPARISON, SEARCH = DOCS / "tutorial.md", DOCS / "comparison.md", DOCS / "search.md"
PROJECTS = sorted(path.parent for path in ROOT.glob("firmware_projects/*/project.yaml"))
MOCK_TOOLS = Path(__file__).parent / "mock_tools"
SMALL: dict[str, Any] = {
    "teacher": {
        "config": {"n_constituents": 6, "width": 8, "heads": 2, "class_blocks": 1},
        "train": {"epochs": 1},
    },
    "student": {"units": 3, "dense": [4], "n_constituents": 6},
    "compress": {"distil": {"float_epochs": 1, "quantized_epochs": 1}},
    "search": {"trials": 2, "options": {"student.units": [2, 3, 4]}},
}  # fmt: skip
"""What the tests change in a documented project: sizes, and what a search may try."""


@pytest.mark.parametrize(("page", "command"), [(page.name, line) for page in PAGES for line in commands(page)])
def test_every_command_parses(page: str, command: str) -> None:
    tagware.parser().parse_args(shlex.split(command)[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_line_of_a_page_is_typed_by_some_test(page: Path) -> None:
    for others in ("test_batch_systems", "test_firmware_projects", "flow.test_extension", "hls.package.test_package"):
        importlib.import_module(f"tests.{others}")
    assert not lines(page) or page in TYPED
    assert set(re.findall(r"^```(\w+)", page.read_text(), flags=re.M)) <= {"sh", "yaml", "python"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_verb_and_option_in_the_text_is_there(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for mention in mentions(page):
        with pytest.raises(SystemExit, match="0"):
            tagware.parser().parse_args([mention.split()[1], "--help"])
        known = capsys.readouterr().out
        assert not [option for option in re.findall(r"--[\w-]+", mention) if option not in known], mention


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert not [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_a_projects_readme_holds_the_table_of_its_saved_report(project: Path) -> None:
    report = Report.load(project / "report.json")
    assert report.project == project.name
    assert markdown_table(report) in (project / "README.md").read_text()
    assert report.exactness["quantized_vs_csim"]["n_mismatch"] == 0


def test_the_main_readme_holds_the_table_of_the_demos_saved_report() -> None:
    assert markdown_table(Report.load(ROOT / "firmware_projects/top_gru/report.json")) in README.read_text()


def test_the_site_has_every_page() -> None:
    sections = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    named = [page for section in sections for pages in section.values() for page in pages]
    assert sorted(named) == sorted(page.name for page in ROOT.glob("docs/*.md"))


def test_the_page_of_dependencies_names_them_all() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *(name for extra in extras if extra != "dev" for name in extras[extra])]
    page = (ROOT / "docs/dependencies.md").read_text()
    assert not [name for name in needed if not re.search(rf"\b{re.split('[<>=]', name)[0]}\b", page)]


def test_the_example_of_a_teacher_tags_jets() -> None:
    names: dict[str, Any] = {"__name__": "example"}
    for block in blocks(ROOT / "docs/extending.md", "python"):
        run_script(block, names)
    ours, jets = names["ours"], synthetic_jets(20)
    config = ours.preset("tiny")
    inputs = ours.inputs(jets, config, ours.fit_scaling(jets, config))
    logits = ours.build(config, 1)(**{name: torch.from_numpy(values) for name, values in inputs.items()})
    assert logits.shape == (20, 1) and logits.std() > 0


def run_script(text: str, names: dict[str, Any]) -> None:
    """Run a documented block of Python as a file of its own would run."""
    exec(compile(text, "documentation", "exec", dont_inherit=True), names)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the tutorial's ROOT files, the jets that its script makes of them, and its project, made small."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "my_project").mkdir()
    (project,) = (yaml.safe_load(block) for block in blocks(TUTORIAL, "yaml"))
    (folder / "my_project/project.yaml").write_text(yaml.safe_dump(merged(project, SMALL)))
    jets = synthetic_jets(3000)
    write_candidates(folder / "qcd.root", jets[jets.labels == 0])
    write_candidates(folder / "top.root", jets[jets.labels == 1])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PATH", f"{MOCK_TOOLS}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("FAKE_LOG", str(folder / "calls"))
        (script,) = blocks(TUTORIAL, "python")
        run_script(script, {"__name__": "script"})
        yield folder


def merged(mapping: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The mapping with some keys changed, at any depth."""
    return mapping | {
        key: merged(mapping.get(key) or {}, value) if isinstance(value, dict) else value
        for key, value in changes.items()
    }


def write_candidates(path: Path, jets: Jets) -> None:
    """The constituents' four-momenta as the tutorial's tree `jets` has them."""
    import awkward

    pt, deta, dphi, mass = (jets.feature(name).astype(float) for name in ("pt_gev", "deta", "dphi", "mass_gev"))
    eta, phi = deta + jets.jet("eta")[:, None], dphi + jets.jet("phi")[:, None]
    energy = np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2)
    columns = {"E": energy, "px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta)}
    count = jets.mask.sum(axis=1)
    with uproot.recreate(path) as file:
        file.mktree("jets", {f"cand_{name}": "var * float64" for name in columns})
        file["jets"].extend(
            {f"cand_{name}": awkward.unflatten(values[jets.mask], count) for name, values in columns.items()}
        )


def type_in(command: str) -> None:
    """Run a documented command where we stand; it must succeed."""
    assert tagware.main(shlex.split(command)[1:]) == 0, command


def write_setup() -> None:
    """What `make` finds once it has set up: the Makefile's own files, and programs as if they were in `.venv`."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copyfile(ROOT / name, name)
    programs = {"python": sys.executable, "tagware": f"{sys.executable} {ROOT / 'tagware.py'}"}
    Path(".venv/bin").mkdir(parents=True)
    for name, command in programs.items():
        Path(".venv/bin", name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        Path(".venv/bin", name).chmod(0o755)
    Path(".venv/.installed").touch()
    Path("tests").mkdir()
    Path("tests/test_nothing.py").write_text("def test_nothing():\n    pass\n")


@pytest.mark.long
@pytest.mark.xdist_group("documentation")
@types_in(TUTORIAL)
def test_the_tutorial_leads_from_root_files_to_a_verified_package(desk: Path) -> None:
    jets = JetsFile("jets.h5")
    assert len(jets) == 3000 and jets.classes == ("QCD", "top")
    for command in commands(TUTORIAL):
        type_in(command)
    report = Report.load(desk / "my_project/build/report/report.json")
    assert report.exactness["csim_vs_rtl"]["n_mismatch"] == 0
    for made in ("comparison/comparison.html", "my_tagger.zip", "waves"):
        assert (desk / made).exists()


@pytest.mark.long
@pytest.mark.xdist_group("documentation")
@types_in(README, DOCS / "index.md", COMPARISON)
def test_every_command_of_the_readme_and_of_the_comparison_runs(desk: Path) -> None:
    """In the tutorial's folder, with its jets; those that the README makes are fewer, and go elsewhere."""
    for seed, name in enumerate(("train.h5", "val.h5")):
        top_tagging_table(20, 6, seed).to_hdf(name, key="table", format="table")
    Path("train_100M").mkdir()
    write_tree(Path("train_100M/HToBB_000.root"), "tree", jetclass_branches(random_momenta))
    for command in commands(README):
        if "other_project" in command:
            shutil.copytree("my_project", "other_project")
        line = command.replace("--n 100000", "--n 40 --processes 1")
        if command.split()[1] in ("simulate", "import"):
            line = re.sub(r" jets.h5\b", " made.h5", line)
        type_in(line.replace("my_project-1a2b3c4d5e6f.zip", str(next(desk.glob("my_project/build/*.zip"), ""))))
    for name, made in (("big", "build/teacher"), ("2025", "build/distil/float")):
        shutil.copytree(Path("my_project") / made, Path("taggers") / name)
    shutil.copytree("my_project", "firmware_projects/top_gru")
    shutil.copyfile("jets.h5", "firmware_projects/jets.h5")  # where its project.yaml looks for them
    write_setup()
    for line in dict.fromkeys([*lines(README), *lines(DOCS / "index.md")]):
        if not line.startswith("tagware "):
            subprocess.run(shlex.split(line), check=True)
    for command in commands(COMPARISON):
        type_in(command.replace("--n 4000", "--n 40 --processes 1"))


@pytest.mark.long
@pytest.mark.xdist_group("documentation")
@types_in(SEARCH, DOCS / "simulation.md")
def test_every_search_and_simulation_of_their_pages_runs(desk: Path) -> None:
    for command in commands(SEARCH):
        type_in(command.replace("--trials 200 --jobs 8", "--trials 3 --jobs 2"))
    assert len(SearchResult.load(desk / "my_project/build/search").trials) == 3
    for command in commands(DOCS / "simulation.md"):
        type_in(command.replace("--n 20000", "--n 4 --processes 1"))
        assert JetsFile("views.h5").view_names == ("nominal", *command.partition("--views")[2].split())


@pytest.mark.long
@types_in(DOCS / "data.md")
def test_every_import_of_the_page_of_data_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    jetclass, nano = jetclass_branches(random_momenta), pfnano_branches()
    two = {f"label_{name}": np.arange(20) % 2 == place for place, name in enumerate(("QCD", "Hbb"))}
    none = {name: np.zeros(20, bool) for name in jetclass if name.startswith("label_")}
    for folder in ("train_100M", "qcd"):
        Path(folder).mkdir()
    write_tree(Path("train_100M/one.root"), "tree", jetclass)
    for name in ("HToBB_000.root", "ZJetsToNuNu_000.root"):
        write_tree(Path(name), "tree", jetclass | none | two)
    for flavour in "gqtwz":
        save(Path(f"{flavour}.hdf5"), test_jetnet.arrays())
    for name in ("qcd/nano.root", "ttbar.root"):
        write_tree(Path(name), "Events", nano)
    particles = test_omnilearned.arrays()
    save(Path("train.h5"), particles | {"pid": np.arange(20) % 2})
    for command in commands(DOCS / "data.md"):
        Path("jets.h5").unlink(missing_ok=True)
        type_in(command)
        JetsFile("jets.h5").verify()


@pytest.mark.long
@types_in(DOCS / "teachers.md")
def test_every_training_of_the_page_of_teachers_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On few jets, an epoch each, from checkpoints that have the public layouts."""
    monkeypatch.chdir(tmp_path)
    with JetsWriter(Path("jets.h5")) as writer:
        writer.append(synthetic_jets(60))
    torch.save(test_particle_net.public_state(), "ParticleNet_kin.pt")
    published = OmniLearned(OmniLearnedConfig.published(), 1)
    published.classifier.out = published.output
    test_omnilearned_network.saved(Path("best_model_pretrain_s.pt"), published)
    page = DOCS / "teachers.md"
    configs = {config["teacher"]["architecture"]: config for config in map(yaml.safe_load, blocks(page, "yaml")[1:])}
    trained = set()
    for command in commands(page):
        if command.startswith("tagware train"):
            config = configs[command.split()[3]]
            short = {part: {"epochs": 1} for part in ("train", "pretrain") if part in config["teacher"]}
            Path("teacher.yaml").write_text(
                yaml.safe_dump(merged(config, {"teacher": {"train": {"epochs": 1}} | short}))
            )
            trained.add(command.split()[3])
            type_in(command)
        else:
            type_in(f"{command} --n 12 --processes 1")
    assert trained == configs.keys()
