"""The innermost ring of tests stands alone: it needs attrs, pytest, Hypothesis and what these need."""

import importlib.metadata
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]
_NAME = re.compile(r"[\w.-]+")


def with_requirements(*names: str) -> set[str]:
    """Return the distributions and what they require here, extras left out."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        # One that is not installed is for other platforms or Pythons.
        if name not in found and any(importlib.metadata.distributions(name=name)):
            found.add(name)
            required = importlib.metadata.requires(name) or ()
            waiting += [match[0] for each in required if "extra ==" not in each and (match := _NAME.match(each))]
    return found


def place_alone(folder: pathlib.Path, distributions: set[str]) -> None:
    """Link what the distributions install at the top of site-packages into a folder."""
    for distribution in map(importlib.metadata.distribution, distributions):
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            (folder / top).symlink_to(pathlib.Path(str(distribution.locate_file(top))))


def test_the_core_s_tests_load_with_attrs_pytest_and_hypothesis_alone(tmp_path: pathlib.Path) -> None:
    distributions = with_requirements("attrs", "pytest", "hypothesis")
    place_alone(tmp_path, distributions)
    code = (
        f"import sys; sys.path += [{str(ROOT)!r}, {str(tmp_path)!r}]\n"
        "import pytest; sys.exit(pytest.main(['-p', 'no:cacheprovider', '--collect-only', '-q', 'tests/core']))"
    )
    done = subprocess.run([sys.executable, "-ISc", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert distributions.isdisjoint({"msgspec", "psycopg", "httpx", "boto3", "litestar"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d{4,} tests collected", done.stdout, re.MULTILINE)
