"""The requests of Postman's collection: their order, and variables in place of the ids in their examples."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from crm_http.payloads.record_examples import EXAMPLE_ID, EXAMPLE_IDS
from tests.example_requests import in_order

Item = dict[str, Any]

#: What stands in addresses where no record's id does, and the variable that takes its place.
_OTHER_VARIABLES: Final[Mapping[str, str]] = {"ical/:secret": "{{secret}}.ics"}
#: After each answer: keep the id of a new record under the name of its path, with the id of the one before; of a list
#: that of the first record, if there is no new one. An import is shown again until it has ended.
KEEP_IDS: Final = """
const variables = pm.collectionVariables;
const names = pm.request.url.path.filter((part) => !/^(api|[0-9a-f-]{36})?$/.test(part));
const place = names.join("/");
const begun = { "clients/import": "imports", "imports/undo": "imports" };
const name = pm.response.code === 202 ? begun[place] : names[0] === "attributes" ? names[0] : names.at(-1);
const body = pm.response.code < 300 && /^[[{]/.test(pm.response.text()) ? pm.response.json() : {};
const record = [body].flat()[0] ?? {};
if (name && record.id && (pm.response.code > 200 || !variables.has(name))) {
    variables.set(`${name}_before`, variables.get(name));
    variables.set(name, record.id);
}
if (name === "files" && record.url) variables.set(`files_${names[0]}`, record.url.split("/").pop());
if (name === "calendars" && record.secret) variables.set("secret", record.secret);
if (place === "imports" && ["checking", "writing"].includes(body.state)) {
    pm.execution.setNextRequest(pm.info.requestName);
    setTimeout(() => {}, 200);
}
""".strip().splitlines()


def requests_of(items: Sequence[Item]) -> Iterator[Item]:
    """Yield the requests in the folders of a collection, with those of their answers that are no errors."""
    for item in items:
        if "item" in item:
            yield from requests_of(item["item"])
        else:
            yield item | {"response": [reply for reply in item["response"] if reply["code"] < 300]}


def creates(request: Item) -> bool:
    """Return whether a request makes something."""
    return any(reply["code"] == 201 for reply in request["response"])


def sorted_requests(requests: Sequence[Item]) -> Iterator[Item]:
    """Yield requests in an order in which each finds what it needs, some of them more than once."""
    at = {_place(request): request for request in requests}
    for place in in_order(list(at), {_place(request) for request in filter(creates, requests)}):
        yield at[place]


def with_variables(request: Item) -> Item:
    """Return a request with a variable in place of each id of the examples."""
    parts = request["request"]["url"]["path"]
    for variable in request["request"]["url"].get("variable", ()):
        before = parts[parts.index(f":{variable['key']}") - 1]
        if variable["value"] == EXAMPLE_ID:
            variable["value"] = f"{{{{{before}}}}}"
        elif parts[0] == "files" and variable["key"] == "name":
            variable["value"] = f"{{{{files_{parts[1]}}}}}"
        else:
            variable["value"] = _OTHER_VARIABLES.get("/".join(parts), variable["value"])
    others = {f"{parts[1]}_before": EXAMPLE_ID} if _place(request).endswith("/merge/") else {}
    text = json.dumps(request)
    for name, example in {**EXAMPLE_IDS, **others}.items():
        text = text.replace(example, f"{{{{{name}}}}}")
    changed: Item = json.loads(text)
    return changed


def _place(request: Item) -> str:
    """Return the method and the path of a request, as the description writes them."""
    path = re.sub(r":(\w+)", r"{\1}", "/".join(request["request"]["url"]["path"]))
    return f"{request['request']['method']} /{path}"
