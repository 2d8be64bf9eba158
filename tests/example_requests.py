"""The requests of the description with their own examples: an order in which all succeed, and files to import.

A request that ends a record has one of its own: the creation of its resource is sent again before it.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from crm_core.resources import RESOURCES
from crm_http.payloads.record_examples import bulk_example

#: Makes the unique attributes by which other requests find records.
_UNIQUE_ATTRIBUTES: Final = "POST /api/attributes/bulk/"
#: Is refused when the attribute has got another name or type.
_ATTRIBUTE_RESTORED: Final = "POST /api/attributes/{id}/history/{version}/restore/"
#: What needs a new record of another resource each time: a student is in an enrollment once.
_NEW_EACH_TIME: Final[Mapping[str, str]] = {
    "POST /api/enrollment-details/": "POST /api/enrollments/",
    "POST /api/enrollment-details/bulk/": "POST /api/enrollments/",
}
#: What ends the record of its path, or another one. Erasures are sent after deletions: they take what is deleted.
_END = re.compile("DELETE .*|POST .*/(merge|accept|decline|undo)/")
_ERASURE: Final = "erase/"


def in_order(requests: Sequence[str], creations: Collection[str]) -> Sequence[str]:
    """Return what makes records, then what reads and changes them, then what ends them, from the last to the first.

    Args:
        requests: the methods and paths of all requests, in the order of the documentation: ``GET /api/leads/{id}/``.
        creations: those of them that make something.
    """
    ordered = list(_in_order(requests, [request for request in requests if request in creations]))
    assert set(ordered) == set(requests)
    return ordered


def _in_order(requests: Sequence[str], creations: Sequence[str]) -> Iterator[str]:
    early = [_UNIQUE_ATTRIBUTES, *creations, _ATTRIBUTE_RESTORED]
    ends = [request for request in requests if _END.fullmatch(request)]
    others = (each for each in requests if each not in {*early, *ends} and not each.endswith(_ERASURE))
    for request in (*early, *others, *_endings(requests, ends)):
        yield from (_NEW_EACH_TIME[request],) if request in _NEW_EACH_TIME else ()
        yield request


def _endings(requests: Sequence[str], ends: Sequence[str]) -> Iterator[str]:
    for end in reversed(ends):
        path = end.partition(" ")[2]
        creation, erasure = f"POST {path.rpartition('{')[0]}", f"POST {path}{_ERASURE}"
        yield from (each for each in (creation, end, erasure) if each in requests)


def table_of(path: str) -> str:
    """Return a CSV file with the record of an example, as far as cells can hold it.

    Args:
        path: the segment of the resource in URLs.
    """
    resource = next(each for each in RESOURCES.values() if each.path == path)
    values = bulk_example(resource)["operations"][0]["data"]
    columns = {name: str(value) for name, value in values.items() if not isinstance(value, list)}
    return f"{','.join(columns)}\n{','.join(columns.values())}\n"
