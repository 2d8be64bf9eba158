"""The requests of Postman's collection: their order, and variables in place of the ids in their examples.

Each request comes when there is what it needs. One that ends a record has a record of its own: the creation of its
resource is sent again before it, as one would do it by hand.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from crm_http.payloads.record_examples import EXAMPLE_ID, EXAMPLE_IDS

Item = dict[str, Any]

#: Makes the unique attributes by which other requests find records.
_UNIQUE_ATTRIBUTES: Final = "POST api/attributes/bulk/"
#: Is refused when the attribute has got another name or type.
_ATTRIBUTE_RESTORED: Final = "POST api/attributes/:id/history/:version/restore/"
#: What needs a new record of another resource each time: a student is in an enrollment once.
_NEW_EACH_TIME: Final[Mapping[str, str]] = {
    "POST api/enrollment-details/": "POST api/enrollments/",
    "POST api/enrollment-details/bulk/": "POST api/enrollments/",
}
#: What ends the record of its path, or another one. Erasures are sent after deletions: they take what is deleted.
_END = re.compile("DELETE .*|POST .*/(merge|accept|decline|undo)/")
_ERASURE: Final = "erase/"
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


def in_order(requests: Sequence[Item]) -> Iterator[Item]:
    """Yield what makes records, then what reads and changes them, then what ends them, from the last to the first."""
    at = {_place(request): request for request in requests}
    places = list(_places_in_order(at, list(map(_place, filter(creates, requests)))))
    assert set(places) == at.keys()
    for place in places:
        if place in _NEW_EACH_TIME:
            yield at[_NEW_EACH_TIME[place]]
        yield at[place]


def _places_in_order(places: Collection[str], creations: Sequence[str]) -> Iterator[str]:
    early = [_UNIQUE_ATTRIBUTES, *creations, _ATTRIBUTE_RESTORED]
    ends = [place for place in places if _END.fullmatch(place)]
    yield from early
    yield from (place for place in places if place not in {*early, *ends} and not place.endswith(_ERASURE))
    for end in reversed(ends):
        path = end.partition(" ")[2]
        creation, erasure = f"POST {path.rpartition(':')[0]}", f"POST {path}{_ERASURE}"
        yield from (place for place in (creation, end, erasure) if place in places)


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
    return f"{request['request']['method']} {'/'.join(request['request']['url']['path'])}"
