"""The wheel and the source distribution: what is in them, and that what is installed from them works by itself."""

import pathlib
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from typing import TypeAlias

import attrs
import pytest

from tests.http.conftest import serving

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("crm_core", "crm_adapters", "crm_http")


def run(*command: object, cwd: pathlib.Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def build(target: str, source: pathlib.Path, into: pathlib.Path) -> pathlib.Path:
    done = run("-m", "hatchling", "build", "-t", target, "-d", into, cwd=source)
    assert done.returncode == 0, done.stderr
    [built] = into.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with the wheel alone, put there by pip, which asks no index."""
    target = tmp_path_factory.mktemp("installed")
    done = run("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", target, wheel, cwd=target)
    assert done.returncode == 0, done.stderr
    return target


Run: TypeAlias = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def with_attrs_alone(installed: pathlib.Path, tmp_path: pathlib.Path) -> Run:
    """Runs Python where there is nothing but the wheel and attrs."""
    packages = pathlib.Path(attrs.__file__).parents[1]
    for name in ("attr", "attrs"):
        (tmp_path / name).symlink_to(packages / name)
    path = f"import sys; sys.path += [{str(installed)!r}, {str(tmp_path)!r}]\n"
    return lambda code: run("-I", "-S", "-c", path + code, cwd=tmp_path)


def files_of(root: pathlib.Path) -> Iterator[str]:
    """What belongs to the packages in a checkout."""
    for path in (path for package in PACKAGES for path in (root / package).rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            yield path.relative_to(root).as_posix()


def test_the_wheel_has_all_of_the_packages_and_nothing_else(wheel: pathlib.Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    assert names == set(files_of(ROOT))
    assert {f"{package}/py.typed" for package in PACKAGES} <= names


def test_a_wheel_built_from_the_source_distribution_is_the_same(wheel: pathlib.Path, tmp_path: pathlib.Path) -> None:
    sdist = build("sdist", ROOT, tmp_path)
    # pip unpacks it, as it does for users: tarfile's own filters came with Python 3.11.4.
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path)
    done = run("-m", "pip", "wheel", *options, sdist, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    [again] = tmp_path.glob("*.whl")
    with tarfile.open(sdist) as archive:
        files = archive.getnames()

    assert sdist.name.replace(".tar.gz", "/tests/test_packaging.py") in files
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())


def test_without_an_extra_attrs_alone_is_required(installed: pathlib.Path) -> None:
    [metadata] = installed.glob("crm_core-*.dist-info/METADATA")
    lines = metadata.read_text("utf-8").splitlines()
    required = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]
    extras = {line.removeprefix("Provides-Extra: ") for line in lines if line.startswith("Provides-Extra: ")}

    assert [each.partition(">")[0] for each in required if "extra ==" not in each] == ["attrs"]
    assert extras == {
        "all",
        "calendars",
        "client",
        "dev",
        "docs",
        "embedded",
        "http",
        "memory",
        "otel",
        "postgres",
        "s3",
        "testing",
        "webhooks",
        "xlsx",
    }


def test_the_core_works_with_attrs_alone(with_attrs_alone: Run) -> None:
    done = with_attrs_alone(
        "import crm_core, crm_core.use_cases\n"
        "from crm_core.input.drafts import read_draft\n"
        "print(len(crm_core.__all__) > 0, {name.partition('.')[0] for name in sys.modules} & {'msgspec', 'psycopg'})"
    )

    assert (done.stdout, done.stderr) == ("True set()\n", "")


def test_the_command_without_its_extras_says_what_to_install(with_attrs_alone: Run) -> None:
    done = with_attrs_alone("from crm_http.__main__ import main; sys.exit(main())")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "pip install 'crm-core[embedded,http,postgres,webhooks]'" in done.stderr


def test_an_import_without_its_extra_says_what_to_install(with_attrs_alone: Run) -> None:
    modules = {
        "crm_adapters.embedded": "embedded",
        "crm_adapters.image_headers": "http",
        "crm_adapters.json_documents": "memory",
        "crm_adapters.memory": "memory",
        "crm_adapters.passwords": "http",
        "crm_adapters.postgres": "postgres",
        "crm_adapters.s3": "s3",
        "crm_adapters.webhooks": "webhooks",
        "crm_core.testing": "testing",
        "crm_http.app": "http",
        "crm_http.client": "client",
        "crm_http.site": "http",
    }
    done = with_attrs_alone(
        f"import importlib\nfor name in {list(modules)}:\n"
        "    try: importlib.import_module(name)\n"
        "    except ModuleNotFoundError as error: print(name, error)\n"
    )

    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert said.keys() == modules.keys(), done.stderr
    for name, extra in modules.items():
        assert said[name].endswith(f" is missing: pip install 'crm-core[{extra}]' brings it."), said[name]


def test_what_imports_an_extra_when_it_is_used_says_so_when_it_is_made(with_attrs_alone: Run) -> None:
    done = with_attrs_alone(
        "from crm_adapters.calendars import IcsCalendarWriter\n"
        "from crm_adapters.tables.workbooks import ChildWorkbookWriter\n"
        "for each in (IcsCalendarWriter, ChildWorkbookWriter):\n"
        "    try: each()\n"
        "    except ModuleNotFoundError as error: print(error)\n"
    )

    assert done.stdout.splitlines() == [
        "icalendar is missing: pip install 'crm-core[calendars]' brings it.",
        "xlsxwriter is missing: pip install 'crm-core[xlsx]' brings it.",
    ], done.stderr


def test_a_mistake_of_our_own_is_not_taken_for_a_missing_extra(with_attrs_alone: Run) -> None:
    done = with_attrs_alone("sys.modules['crm_http.cli.main'] = None\nfrom crm_http.__main__ import main; main()")

    assert "ModuleNotFoundError" in done.stderr


def test_what_is_installed_serves(
    installed: pathlib.Path, new_database: Callable[[], str], tmp_path: pathlib.Path
) -> None:
    """With the migrations and statements of the wheel; the checkout comes later in the path."""
    where = run("-c", "import crm_http; print(crm_http.__file__)", cwd=tmp_path, PYTHONPATH=str(installed))
    assert where.stdout.startswith(str(installed))

    with serving(new_database(), tmp_path, PYTHONPATH=str(installed)) as server:
        assert server.api().make("/api/clients/", name="a")["name"] == "a"
