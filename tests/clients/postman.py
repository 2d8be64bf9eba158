"""Postman: the description as a collection, and how many of its requests succeed with their own examples.

The converter is Postman's own, and newman sends the requests. Three things are added, which people add by hand: the
address with a token, the files to send, and the ids. Examples have an id that stands for the record that was made last,
so each of these becomes a variable that a script of the collection sets, as the page at ``/docs/`` does it.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from crm_http.payloads.record_examples import EXAMPLE_IDS
from tests.clients.postman_requests import KEEP_IDS, Item, creates, requests_of, sorted_requests, with_variables
from tests.example_requests import table_of

_OPTIONS: Final = (
    "folderStrategy=Tags,parametersResolution=Example,enableOptionalParameters=false,includeDeprecated=false"
)
#: What examples have, and what takes its place where nothing is at their address and no lead gets into their stage.
_PLACES: Final = ("https://api.external.com", "Moodle"), ("http://127.0.0.1:9", "Negotiation")


class Count(NamedTuple):
    """How many requests succeeded, of how many, and the status and the name of each that did not."""

    succeeded: int
    of: int
    failures: Sequence[str]

    def __str__(self) -> str:
        return f"{self.succeeded} of {self.of}" + "".join(f"\n    {failure}" for failure in self.failures)


class Postman:
    """Converts a description and sends the requests of the collection.

    Args:
        place: the folder with the tools, in which files are written.
        document: the description.
        url: the address of the server.
        credentials: a username and a password.
        token: the token of the requests.
        image: an image to upload.
    """

    def __init__(
        self, place: Path, document: Path, url: str, credentials: tuple[str, str], token: str, image: Path
    ) -> None:
        self._bin, self._place, self._url = place / "node_modules" / ".bin", place, url
        self._credentials, self._token, self._image = credentials, token, image
        converted = place / "postman.json"
        convert = (self._bin / "openapi2postmanv2", "-s", document, "-o", converted, "-O", _OPTIONS)
        subprocess.run(convert, capture_output=True, check=True)
        self._collection = json.loads(converted.read_text())

    def as_converted(self) -> Count:
        """Send the creations, which have nothing but the address and the token beside what is in the description."""
        return self._send(filter(creates, self._requests()), {})

    def with_ids(self) -> Count:
        """Send all requests with ids, in an order in which each finds what it needs."""
        return self._send(sorted_requests([with_variables(request) for request in self._requests()]), EXAMPLE_IDS)

    def _requests(self) -> Iterator[Item]:
        return requests_of(self._collection["item"])

    def _send(self, requests: Iterator[Item], variables: Mapping[str, str]) -> Count:
        values = {"baseUrl": self._url, "bearerToken": self._token, **variables}
        items = [self._filled(request) for request in requests]
        collection = self._collection | {
            "item": items,
            "variable": [{"key": key, "value": value} for key, value in values.items()],
            "event": [{"listen": "test", "script": {"type": "text/javascript", "exec": KEEP_IDS}}],
        }
        sent, report = self._place / "postman_sent.json", self._place / "postman_report.json"
        sent.write_text(json.dumps(collection))
        newman = (self._bin / "newman", "run", sent, "-r", "json", "--reporter-json-export", report)
        limits = ("--ignore-redirects", "--timeout-request", "20000", "--timeout", "300000")
        subprocess.run((*newman, *limits), capture_output=True, check=False)
        return _count(items, json.loads(report.read_text())["run"]["executions"])

    def _filled(self, request: Item) -> Item:
        """Return a request with what no description can hold: credentials, a file, and an address that is ours."""
        text = json.dumps(request)
        credentials = ("your_username", "your_password"), self._credentials
        for names, values in (credentials, _PLACES):
            for name, value in zip(names, values, strict=True):
                text = text.replace(name, value)
        filled: Item = json.loads(text)
        path = filled["request"]["url"]["path"]
        for part in (filled["request"].get("body") or {}).get("formdata", ()):
            part["src"] = str(self._table(path[1]) if "import" in path else self._image)
        return filled

    def _table(self, path: str) -> Path:
        """Return a file of records to import, given the segment of their resource in URLs."""
        file = self._place / f"postman_{path}.csv"
        file.write_text(table_of(path))
        return file


def _count(items: Sequence[Item], executions: Sequence[Mapping[str, Any]]) -> Count:
    """Count the requests that succeeded; of one that waited for something the last answer counts."""
    codes = {each["cursor"]["position"]: each.get("response", {}).get("code", 0) for each in executions}
    failures = [
        f"{code or 'no answer'} {item['name']}"
        for code, item in ((codes.get(position, 0), item) for position, item in enumerate(items))
        if not 0 < code < 400
    ]
    return Count(len(items) - len(failures), len(items), failures)
