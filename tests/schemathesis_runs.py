"""Schemathesis, as ``schemathesis.toml`` sets it up, over a server, with all that the server takes."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

from tests.http.conftest import PASSWORD, Server
from tests.lenient import definitions, lenient_document

ROOT = pathlib.Path(__file__).parents[1]
_SCHEMATHESIS = pathlib.Path(sys.executable).parent / "schemathesis"


class Result(NamedTuple):
    """What came of a run."""

    code: int
    output: str


def run(server: Server, token: str, *options: str, knows_attributes: bool = False) -> Result:
    """Run it with a token, or with none; with the attributes that are defined, or without."""
    second = _narrow_token(server)
    document = lenient_document(definitions(server.api().get) if knows_attributes else None)
    begun = time.monotonic()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as description:
        json.dump(document, description)
        description.flush()
        done = subprocess.run(
            [
                _SCHEMATHESIS,
                *("run", description.name, "--url", f"http://127.0.0.1:{server.port}"),
                *("--warnings", "off", "--no-color"),
                *(("-H", f"Authorization: Token {token}") if token else ()),
                *options,
            ],
            cwd=ROOT,
            env=os.environ | {"CRM_SECOND_TOKEN": second},
            capture_output=True,
            text=True,
            check=False,
        )
    print(f"Schemathesis took {time.monotonic() - begun:.1f} s: {done.stdout.strip().splitlines()[-1:]}")
    return Result(done.returncode, done.stdout + done.stderr)


def _narrow_token(server: Server) -> str:
    """A token of the administrator that reaches no other token."""
    sent = {"username": "admin", "password": PASSWORD, "permissions": ["app.view_client"]}
    token: str = server.client.post("/api-token-auth/", json=sent).json()["token"]
    return token


def define_attributes(server: Server) -> None:
    """Attributes that the documentation's examples name, and one of each type."""
    api = server.api()
    for entity, name in (("client", "industry"), ("client", "custom_field"), ("service", "program")):
        api.make(f"/api/attributes/{entity}/", name=name, label=name, type="text")
    for entity, name in (("lead", "source"), ("follow_up", "channel")):
        api.make(f"/api/attributes/{entity}/", name=name, label=name, type="text")
    for type_ in ("number", "date", "boolean", "file"):
        api.make("/api/attributes/lead/", name=f"a_{type_}", label=type_, type=type_)
    api.make("/api/attributes/client/", name="sizes", label="Sizes", type="list", list_values=["S", "M"])
