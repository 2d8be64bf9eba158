"""The documentation is true: its blocks are run, and what it names is there."""

import pathlib
import re
from collections.abc import Iterator, Mapping

import attrs
import click
import pytest

from crm_http.cli.main import crm
from crm_http.settings import Settings, variable
from tests.markdown import ROOT, blocks

README = (ROOT / "README.md").read_text("utf-8")
PAGES = ["README.md", "docs/adapters.md", *(path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/**/*.md"))]

FOLLOWED = "tests/http/test_readme.py"
#: The test that takes each block from its page, or why none does.
BLOCKS: Mapping[str, Mapping[str, str]] = {
    "README.md": {
        "Two commands 1": FOLLOWED,
        "Walk-through 1": FOLLOWED,
        "The API describes itself 1": FOLLOWED,
        "From Python 1": FOLLOWED,
        "Images 1": FOLLOWED,
        "Images 2": "not run: Amazon's own commands, on Amazon",
        "Images 3": FOLLOWED,
        "Images 4": "not run: Amazon's program, which nothing here needs; it was tried by hand",
        "Webhooks 1": FOLLOWED,
        "Scale out 1": FOLLOWED,
        "Scale out 2": "tests/faults/servers.py",
        "Embedding 1": FOLLOWED,
        "Embedding 2": FOLLOWED,
        "How it is built 1": "tests/test_documents.py",
        "How it is built 2": "tests/test_documents.py",
        "How it is built 3": "tests/test_documents.py",
    },
    "docs/adapters.md": {
        "A Database, in seven steps 1": FOLLOWED,
        "Compare it 1": FOLLOWED,
        "Run the API on it 1": FOLLOWED,
    },
}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
def test_every_block_is_run_or_there_is_a_reason(page: str) -> None:
    assert blocks(page).keys() == BLOCKS[page].keys()
    for name, test in BLOCKS[page].items():
        assert test.startswith("not run: ") or f'"{name}"' in (ROOT / test).read_text("utf-8"), name


_NODE = r"\w+(\(?\[.+\]\)?)?"
#: What a line of a diagram may be; each was also parsed by Mermaid's own parser, which is npm's.
LINES: Mapping[str, str] = {
    "flowchart LR": rf"{_NODE}( --(>| .+ -->) {_NODE})+",
    "sequenceDiagram": r"participant \w+ as \S+|(\w+)--?>>(\w+): .+|loop .+|end",
    "stateDiagram-v2": r"(\[\*\]|\w+) --> (\[\*\]|\w+): .+",
}


@pytest.mark.parametrize("name", ["How it is built 1", "How it is built 2", "How it is built 3"])
def test_a_diagram_has_the_lines_of_its_kind(name: str) -> None:
    kind, *lines = blocks("README.md")[name].text.splitlines()

    assert [line for line in lines if not re.fullmatch(LINES[kind], line.strip())] == []
    drawn = set(re.findall(r"participant (\w+)", "\n".join(lines)))
    assert {each for line in lines for each in re.findall(r"^ *(\w+)--?>>(\w+)", line) for each in each} <= drawn


@pytest.mark.parametrize("page", [*PAGES, "docs/api.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)]+)\)", (ROOT / page).read_text("utf-8")):
        path, _, anchor = target.partition("#")
        to = (ROOT / page).parent / path if path else ROOT / page
        assert to.exists(), target
        assert not anchor or anchor in anchors(to), target


def anchors(path: pathlib.Path) -> list[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]


#: Names of files that are somebody else's, or made by what is described.
ELSEWHERE = {"/schema/openapi.json", "history.jsonl"}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_exists(page: str) -> None:
    missing = [name for name in files_named(page) if not any(place.exists() for place in places(page, name))]

    assert missing == []


def files_named(page: str) -> Iterator[str]:
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    text += "".join(f"`{module.replace('.', '/')}.py`" for module in re.findall(r"python -m (tests[\w.]+)", text))
    for name in re.findall(r"`([\w./-]+)`", text):
        is_file = re.search(r"\.(py|md|toml|json|jsonl|txt)$", name) or re.match(rf"({'|'.join(FOLDERS)})/", name)
        if is_file and name not in ELSEWHERE:
            yield name


FOLDERS = [path.name for folder in (ROOT, ROOT / "tests") for path in folder.iterdir() if path.is_dir()]


def places(page: str, name: str) -> Iterator[pathlib.Path]:
    """Where a name may be meant: in the checkout, beside the page, or among the tests; a test also without `.py`."""
    for folder in (ROOT, (ROOT / page).parent, ROOT / "tests", *(ROOT / "tests").iterdir()):
        yield folder / name
        yield folder / f"{name}.py"


def rows(heading: str) -> list[list[str]]:
    """The rows of a table by the first cell of its head."""
    _, _, table = README.partition(f"\n| {heading} |")
    lines = table.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_table_of_settings_has_every_setting_and_its_default() -> None:
    told: dict[str, str] = {}
    for names, _, default in rows("setting"):
        ours = re.findall(r"`(CRM_\w+)`", names)
        values = re.findall(r"`([^`]+)`", default) if re.fullmatch(r"(`[^`]+`(, )?)+", default) else [""] * len(ours)
        told |= dict(zip(ours, values, strict=True)) if ours else {}

    assert told.keys() == {variable(field.name) for field in attrs.fields(Settings)} - {variable("embedded")}
    assert Settings.from_env(told) == Settings()


def test_no_page_names_a_setting_that_is_none() -> None:
    named = {name for page in PAGES for name in re.findall(r"\bCRM_[A-Z0-9_]*[A-Z0-9]\b", (ROOT / page).read_text())}

    assert named - {variable(field.name) for field in attrs.fields(Settings)} == {"CRM_SECOND_TOKEN"}


def test_the_table_of_commands_has_every_command_and_no_option_that_is_none() -> None:
    told = dict(commands_told())
    known = {" ".join(path): command for path, command in commands(crm, ("crm",))}

    assert told.keys() == known.keys()
    for name, options in told.items():
        assert options <= {option for parameter in known[name].params for option in parameter.opts}, name


def commands_told() -> Iterator[tuple[str, set[str]]]:
    """The commands of the table; one that does not begin with `crm` is a sibling of the first in its row."""
    for cell, _ in rows("command"):
        group: list[str] = []
        for text in re.findall(r"`([^`]+)`", cell):
            [words] = re.findall(r"^[a-z ]*[a-z]\b", text)
            path = [*group, *words.split()]
            group = path[:-1]
            yield " ".join(path), set(re.findall(r"--[a-z-]+", text))


def commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """All commands at the ends of the tree."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name, each in command.commands.items():
        yield from commands(each, (*path, name))
