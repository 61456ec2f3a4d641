"""The README says what is true: commands parse, links lead somewhere, numbers come from the saved report."""

import re
import shlex
from pathlib import Path

import pytest

import tagware
from hls.render import markdown_table
from hls.report import Report

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("firmware_projects/*/README.md")])
PROJECTS = sorted(path.parent for path in ROOT.glob("firmware_projects/*/project.yaml"))


def commands(text: str) -> list[str]:
    """Every `tagware …` line of the code blocks, without its comment."""
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.S)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("tagware ")]


@pytest.mark.parametrize("command", commands(README))
def test_every_command_of_the_readme_parses(command: str) -> None:
    tagware.parser().parse_args(shlex.split(command)[1:])


def test_the_readme_shows_commands() -> None:
    assert len(commands(README)) >= 5


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
    assert markdown_table(Report.load(ROOT / "firmware_projects/top_gru/report.json")) in README
