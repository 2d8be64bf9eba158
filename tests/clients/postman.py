"""Postman: the description as a collection, and how many of its requests succeed with their own examples.

The converter is Postman's own, and newman sends the requests. Two things are added, which people add by hand: the
address with a token, and the ids. Examples have an id that stands for the record that was made last, so each of these
becomes a variable that a script of the collection sets, as the page at ``/docs/`` does it.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from crm_http.payloads.record_examples import EXAMPLE_ID, EXAMPLE_IDS

Item = dict[str, Any]

_OPTIONS: Final = (
    "folderStrategy=Tags,parametersResolution=Example,enableOptionalParameters=false,includeDeprecated=false"
)
#: What examples have, and what takes its place where nothing is at their address and no lead gets into their stage.
_PLACES: Final = ("https://api.external.com", "Moodle"), ("http://127.0.0.1:9", "Negotiation")
#: After each answer: keep the id of the record in it, or of the first one, under the name of its path.
_KEEP_IDS: Final = """
const names = pm.request.url.path.filter((part) => part && part !== "api" && !part.startsWith(":"));
const name = names[0] === "attributes" ? names[0] : names[names.length - 1];
if (pm.response.code < 300 && /^[[{]/.test(pm.response.text())) {
    const record = [pm.response.json()].flat()[0];
    if (record && record.id) pm.collectionVariables.set(name, record.id);
    if (record && name === "files") pm.collectionVariables.set(`${name}_${names[0]}`, record.url.split("/").pop());
}
""".strip().splitlines()


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
        return self._send(filter(_creates, _requests(self._collection["item"])), {})

    def with_ids(self) -> Count:
        """Send all requests with ids: creations, then reads and changes, then deletions from the last to the first."""
        requests = [_with_variables(request) for request in _requests(self._collection["item"])]
        deletions = [request for request in requests if request["request"]["method"] == "DELETE"]
        creations = [request for request in requests if _creates(request)]
        others = [request for request in requests if request not in deletions and request not in creations]
        return self._send([*creations, *others, *reversed(deletions)], EXAMPLE_IDS)

    def _send(self, requests: Iterator[Item] | Sequence[Item], variables: Mapping[str, str]) -> Count:
        values = {"baseUrl": self._url, "bearerToken": self._token, **variables}
        collection = self._collection | {
            "item": [self._filled(request) for request in requests],
            "variable": [{"key": key, "value": value} for key, value in values.items()],
            "event": [{"listen": "test", "script": {"type": "text/javascript", "exec": _KEEP_IDS}}],
        }
        sent, report = self._place / "postman_sent.json", self._place / "postman_report.json"
        sent.write_text(json.dumps(collection))
        newman = (self._bin / "newman", "run", sent, "-r", "json", "--reporter-json-export", report)
        subprocess.run((*newman, "--ignore-redirects", "--timeout-request", "20000"), capture_output=True, check=False)
        return _count(json.loads(report.read_text())["run"]["executions"])

    def _filled(self, request: Item) -> Item:
        """Return a request with what no description can hold: credentials, a file, and an address that is ours."""
        text = json.dumps(request)
        credentials = ("your_username", "your_password"), self._credentials
        for names, values in (credentials, _PLACES):
            for name, value in zip(names, values, strict=True):
                text = text.replace(name, value)
        filled: Item = json.loads(text)
        for part in (filled["request"].get("body") or {}).get("formdata", ()):
            part |= {"type": "file", "src": str(self._image)}
        return filled


def _requests(items: Sequence[Item]) -> Iterator[Item]:
    for item in items:
        if "item" in item:
            yield from _requests(item["item"])
        else:
            yield item | {"response": [reply for reply in item["response"] if reply["code"] < 300]}


def _creates(request: Item) -> bool:
    return any(reply["code"] == 201 for reply in request["response"])


def _with_variables(request: Item) -> Item:
    """Return a request with a variable in place of each id of the examples."""
    parts = request["request"]["url"]["path"]
    for variable in request["request"]["url"].get("variable", ()):
        before = parts[parts.index(f":{variable['key']}") - 1]
        if variable["value"] == EXAMPLE_ID:
            variable["value"] = f"{{{{{before}}}}}"
        elif parts[0] == "files" and variable["key"] == "name":
            variable["value"] = f"{{{{files_{parts[1]}}}}}"
    text = json.dumps(request)
    for name, example in EXAMPLE_IDS.items():
        text = text.replace(example, f"{{{{{name}}}}}")
    changed: Item = json.loads(text)
    return changed


def _count(executions: Sequence[Mapping[str, Any]]) -> Count:
    failures = [
        f"{each.get('response', {}).get('code', 'no answer')} {each['item']['name']}"
        for each in executions
        if not _succeeded(each)
    ]
    return Count(len(executions) - len(failures), len(executions), failures)


def _succeeded(execution: Mapping[str, Any]) -> bool:
    code: int = execution.get("response", {}).get("code", 500)
    return code < 400
