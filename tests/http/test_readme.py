"""The README's walk-through and its example of embedding, run as they stand."""

import pathlib
import re
import subprocess
import sys

import pytest

from tests.http.conftest import PASSWORD, Server

README = (pathlib.Path(__file__).parents[2] / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.mark.usefixtures("postgres_api")  # for the empty database
def test_the_walk_through_prints_what_the_readme_says(server: Server) -> None:
    [walk] = blocks("bash")
    # A comment right below a command is what that prints; one after a blank line, or at the top, is a heading.
    printed = re.findall(r"(?<=[^\n]\n)# (.*)$", walk, re.MULTILINE)

    script = walk.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={"PATH": f"{pathlib.Path(sys.executable).parent}:/usr/bin:/bin", "CRM_ADMIN_PASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.splitlines() == printed, done.stderr


def test_the_example_of_embedding_runs() -> None:
    [example] = blocks("python")

    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=False)

    assert done.stdout.startswith('1 {"id":"'), done.stderr
