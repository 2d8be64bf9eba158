"""The documentation is true: its blocks are run, and what it names is there."""

import pathlib
import re
import tomllib
from collections.abc import Iterator, Mapping

import attrs
import click
import pytest

import crm_core
import crm_core.testing
from crm_http.cli.main import crm
from crm_http.settings import Settings, described, variable
from crm_http.statuses import STATUSES
from tests.fields_page import PAGE, page
from tests.markdown import ROOT, blocks

README = ROOT / "README.md"
DOCS = [
    path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in path.parts
]
#: All pages but the documented API, which is kept word for word.
PAGES = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *(page for page in DOCS if page != "docs/api.md"),
    *(path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/**/*.md")),
]

FOLLOWED = "tests/http/test_pages.py"
#: The test that takes each block from its page, or why none does.
BLOCKS: Mapping[str, Mapping[str, str]] = {
    "README.md": {
        "Two commands 1": FOLLOWED,
        "From the shell 1": FOLLOWED,
        "From Python 1": FOLLOWED,
        "Embedding 1": FOLLOWED,
        "Three packages 1": "not run: a picture",
    },
    "CONTRIBUTING.md": {"Set up 1": "not run: .ci/run runs both"},
    "docs/tutorial.md": {
        "Start the server 1": FOLLOWED,
        "Start the server 2": FOLLOWED,
        "Create records with curl 1": FOLLOWED,
        "Do it from Python 1": FOLLOWED,
    },
    "docs/explanation/architecture.md": {
        "Three packages 1": "tests/test_documents.py",
        "The life of a change 1": "tests/test_documents.py",
        "The life of a delivery 1": "tests/test_documents.py",
    },
    "docs/how-to/add-a-resource.md": {
        "Declare it 1": FOLLOWED,
        "Add it to every command 1": "not run: tests/test_examples.py installs the example",
        "Test it 1": "not run: tests/adapters/test_registered_resources.py has more of it",
    },
    "docs/how-to/add-an-entity.md": {"Amounts, whole numbers and dates 1": FOLLOWED},
    "docs/how-to/bulk.md": {
        "Create a client with students 1": FOLLOWED,
        "Create or update by a unique attribute 1": FOLLOWED,
        "From Python 1": FOLLOWED,
    },
    "docs/how-to/deploy.md": {
        "nginx 1": "tests/http/test_proxies.py",
        "Caddy 1": "tests/http/test_proxies.py",
        "systemd 1": "not run: it needs root and /opt; tests/http/test_cli.py runs the command itself",
        "Containers 1": "not run: there is no Podman; the page says what was tried",
    },
    "docs/how-to/embed.md": {
        "In memory 1": FOLLOWED,
        "With PostgreSQL and webhooks 1": FOLLOWED,
        "Users 1": FOLLOWED,
        "Without an event loop 1": FOLLOWED,
        "Several changes together 1": FOLLOWED,
        "Inside a transaction of your own 1": FOLLOWED,
        "In Django 1": FOLLOWED,
        "On a session of SQLAlchemy 1": FOLLOWED,
        "In FastAPI 1": FOLLOWED,
        "The rules alone 1": FOLLOWED,
    },
    "docs/how-to/follow-changes.md": {
        "Keep a copy 1": "tests/http/test_client_changes.py",
        "A stream of events 1": "not run: what the server sends",
        "In your own process 1": "tests/adapters/test_hooks.py",
    },
    "docs/how-to/generate-a-client.md": {"Run the tools 1": FOLLOWED},
    "docs/how-to/history.md": {
        "Try it 1": FOLLOWED,
        "Restore 1": "tests/http/test_history.py",
    },
    "docs/how-to/merge.md": {"Try it 1": FOLLOWED},
    "docs/how-to/erase.md": {
        "Look first 1": FOLLOWED,
        "Look first 2": "not run: the id of a record; tests/http/test_cli.py runs the commands",
        "Erase a user 1": "not run: it needs a user; tests/http/test_cli.py runs it",
    },
    "docs/how-to/agenda.md": {
        "Ask for tasks 1": FOLLOWED,
        "Complete one 1": FOLLOWED,
        "Show your tasks in a calendar app 1": FOLLOWED,
        "From Python 1": FOLLOWED,
        "Without HTTP 1": FOLLOWED,
    },
    "docs/how-to/images.md": {
        "Files on the local disk 1": FOLLOWED,
        "Files in an Amazon S3 bucket 1": "not run: Amazon's own commands, on Amazon",
        "Files in SeaweedFS 1": FOLLOWED,
        "Move from local files to a bucket 1": "not run: Amazon's program, which nothing else needs; tried by hand",
    },
    "docs/how-to/scale-out.md": {
        "Several hosts 1": "not run: three machines; tests/faults/test_failover.py has two servers",
        "Several hosts 2": FOLLOWED,
        "PgBouncer 1": "tests/faults/servers.py",
        "A replica 1": "not run: three machines; tests/faults/test_replica.py has two servers",
    },
    "docs/how-to/leave.md": {"By command 1": FOLLOWED, "From Python 1": FOLLOWED},
    "docs/how-to/spreadsheets.md": {
        "Over HTTP 1": FOLLOWED,
        "By command 1": FOLLOWED,
        "From Python 1": FOLLOWED,
        "Who took what 1": "not run: a line of a log; tests/http/test_exports.py has one",
        "Bring a spreadsheet in 1": FOLLOWED,
        "Take an import back 1": FOLLOWED,
        "Import over HTTP 1": FOLLOWED,
        "Import over HTTP 2": FOLLOWED,
    },
    "docs/how-to/rename-attributes.md": {
        "Rename 1": FOLLOWED,
        "Convert 1": FOLLOWED,
        "Values of a list 1": FOLLOWED,
        "Above 100,000 records 1": "not run: the id of an attribute; tests/http/test_cli.py runs the commands",
        "In Python 1": FOLLOWED,
    },
    "docs/how-to/summaries.md": {
        "Where leads stand 1": FOLLOWED,
        "A cohort, and who wants to move 1": FOLLOWED,
        "From Python 1": FOLLOWED,
        "Without HTTP 1": FOLLOWED,
    },
    "docs/how-to/test-with-drawn-records.md": dict.fromkeys(
        ("Records 1", "Attributes 1", "Conditions and templates 1", "Histories 1", "Lists 1"),
        "tests/harness/test_page.py",
    ),
    "docs/how-to/tokens.md": {"Make one, list them, revoke one 1": FOLLOWED},
    "docs/how-to/unique.md": {"Make an attribute unique, and write by it 1": FOLLOWED},
    "docs/how-to/use-the-client.md": {"Read lists 1": FOLLOWED},
    "docs/how-to/webhooks.md": {
        "Create a webhook and inspect its deliveries 1": FOLLOWED,
        "Write a receiver 1": "tests/http/test_webhook_receiver.py",
    },
    "docs/how-to/write-an-adapter.md": {
        "A Database, in seven steps 1": FOLLOWED,
        "Compare it 1": FOLLOWED,
        "Compare it 2": "not run: what a failure prints",
        "Run the API on it 1": FOLLOWED,
        "A database on a server 1": "tests/mariadb/test_page.py",
        "A database on a server 2": "tests/mariadb/test_page.py",
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


@pytest.mark.parametrize("name", ["Three packages 1", "The life of a change 1", "The life of a delivery 1"])
def test_a_diagram_has_the_lines_of_its_kind(name: str) -> None:
    kind, *lines = blocks("docs/explanation/architecture.md")[name].text.splitlines()

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
ELSEWHERE = {"docs/_build/", "/schema/openapi.json", "history.jsonl"}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_exists(page: str) -> None:
    missing = [name for name in files_named(page) if not any(place.exists() for place in places(page, name))]

    assert missing == []


def files_named(page: str) -> Iterator[str]:
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    text += "".join(f"`{module.replace('.', '/')}.py`" for module in re.findall(r"python -m (tests[\w.]+)", text))
    for name in re.findall(r"`([\w./-]+)`", text):
        is_file = re.search(r"\.(py|md|toml|json|jsonl|txt)$", name) or re.match(
            rf"({'|'.join(map(re.escape, FOLDERS))})/", name
        )
        if is_file and name not in ELSEWHERE:
            yield name


FOLDERS = [re.escape(path.name) for folder in (ROOT, ROOT / "tests") for path in folder.iterdir() if path.is_dir()]


def places(page: str, name: str) -> Iterator[pathlib.Path]:
    """Where a name may be meant: in the checkout, beside the page, or among the tests; a test also without `.py`."""
    for folder in (ROOT, (ROOT / page).parent, ROOT / "tests", *(ROOT / "tests").iterdir()):
        yield folder / name
        yield folder / f"{name}.py"


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the table of a page whose head begins with ``heading``."""
    _, _, table = (ROOT / page).read_text("utf-8").partition(f"\n| {heading} |")
    lines = table.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_table_of_settings_has_every_setting_and_its_default() -> None:
    told: dict[str, str] = {}
    for names, _, default in rows("docs/reference/settings.md", "setting"):
        ours = re.findall(r"`(CRM_\w+)`", names)
        values = re.findall(r"`([^`]+)`", default) if re.fullmatch(r"(`[^`]+`(, )?)+", default) else [""] * len(ours)
        told |= dict(zip(ours, values, strict=True)) if ours else {}

    assert told.keys() == {variable(field.name) for field in attrs.fields(Settings)} - {variable("embedded")}
    assert Settings.from_env(told) == Settings()


def test_the_table_of_settings_says_what_the_code_says_they_mean() -> None:
    told = dict(row[:2] for row in rows("docs/reference/settings.md", "setting"))

    for setting in described():
        if not setting.is_internal:
            assert told[f"`{setting.variable}`"].startswith(setting.meaning)


def test_no_page_names_a_setting_that_is_none() -> None:
    named = {name for page in PAGES for name in re.findall(r"\bCRM_[A-Z0-9_]*[A-Z0-9]\b", (ROOT / page).read_text())}

    assert named - {variable(field.name) for field in attrs.fields(Settings)} == {"CRM_SECOND_TOKEN"}


def test_the_table_of_commands_has_every_command_and_no_option_that_is_none() -> None:
    told = dict(commands_told())
    known = {" ".join(path): command for path, command in commands(crm, ("crm",))}

    assert told.keys() == known.keys()
    for name, options in told.items():
        assert options <= {
            option for parameter in known[name].params for option in (*parameter.opts, *parameter.secondary_opts)
        }, name


def commands_told() -> Iterator[tuple[str, set[str]]]:
    """The commands of the table; one that does not begin with `crm` is a sibling of the first in its row."""
    for cell, _ in rows("docs/reference/cli.md", "command"):
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
    context = click.Context(command)
    for name in command.list_commands(context):
        if each := command.get_command(context, name):
            yield from commands(each, (*path, name))


def test_the_table_of_errors_has_every_error_and_its_status() -> None:
    told = {name.strip("`"): int(status) for name, status, *_ in rows("docs/reference/errors.md", "error")}

    assert told == {error.__name__: status for error, status in STATUSES.items()}


def test_the_readme_is_short() -> None:
    text = README.read_text("utf-8")

    assert len(text.encode()) <= 6_144
    assert text.count("\n") <= 150


def test_every_page_of_the_documentation_is_in_its_index() -> None:
    index = (ROOT / "docs/index.md").read_text("utf-8")
    pages = {page.removeprefix("docs/") for page in DOCS} - {"index.md", "changelog.md"}

    assert {page for page in pages if f"({page})" not in index} == set()


SOURCES = [
    path
    for pattern in (
        "*.md",
        "Makefile",
        "*.toml",
        "deploy/*",
        "docs/**/*.*",
        "crm_*/**/*.py",
        "tests/**/*.md",
        "tests/**/*.py",
    )
    for path in ROOT.glob(pattern)
    if path.is_file() and "_build" not in path.parts and path.suffix != ".png" and path != pathlib.Path(__file__)
]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
#: What stands before an extra of ours, and what pip is to install.
_WITH_EXTRA = re.compile(rf"([\w.-]*)\[(?:{'|'.join(PROJECT['optional-dependencies'])})[],]")
_INSTALLED = re.compile(r"""pip install ([^`"\n]*)""")


def test_no_document_and_no_message_names_another_distribution() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        for name in distributions(path.read_text("utf-8"))
        if name.startswith("crm") and name != PROJECT["name"]
    ]

    assert PROJECT["name"] == "crm-core"
    assert wrong == []


def distributions(text: str) -> Iterator[str]:
    yield from _WITH_EXTRA.findall(text)
    for words in _INSTALLED.findall(text):
        yield from re.findall(r"[\w.-]+", re.sub(r"\[.*?\]", "", words))


@pytest.mark.parametrize("text", ["'crm[client]'", "install crm[s3].", "pip install crm", "pip install -U 'crm'"])
def test_another_distribution_would_be_found(text: str) -> None:
    assert "crm" in distributions(text)


def test_the_decisions_are_numbered_and_every_number_that_the_code_cites_is_there() -> None:
    page = (ROOT / "docs/reference/decisions.md").read_text("utf-8")
    numbers = [int(number) for number in re.findall(r"^### (\d+)\. ", page, re.MULTILINE)]
    code = "\n".join(path.read_text("utf-8") for path in SOURCES)
    cited = re.findall(r"\b(?:[Rr]uling|[Dd]ecision)s? (\d+)(?:(?:,| and| to) (\d+))*", code)

    assert numbers == list(range(len(numbers)))
    assert {int(number) for found in cited for number in found if number} <= set(numbers)


def test_the_glossary_explains_the_names_that_are_our_own() -> None:
    page = (ROOT / "docs/glossary.md").read_text("utf-8")
    terms = re.findall(r"^## (.*)$", page, re.MULTILINE)
    names = set(re.findall(r"\(`([A-Z]\w+)`\)", page))

    assert {"Needs", "Known", "Changes", "catalog", "claim", "lease", "receipt", "caller", "actor"} <= set(terms)
    assert terms == sorted(terms, key=str.lower)
    assert names <= {name for module in (crm_core, crm_core.testing) for name in module.__all__}


def test_the_page_of_fields_is_what_the_entities_say() -> None:
    assert PAGE.read_text("utf-8") == page()
