"""The examples of bodies: those of the documentation, and those that work as they stand."""

from collections.abc import Mapping
from typing import Any, Final

from crm_http.api.endpoints import Endpoint
from crm_http.openapi.schemas import Schema

#: The names of examples in the document. Tools show the first one: the one that works.
WORKING: Final = "working"
DOCUMENTED: Final = "documentation"


def request_examples(endpoint: Endpoint) -> Mapping[str, Schema]:
    """Return the examples of an endpoint's body, by name."""
    examples: dict[str, Schema] = {}
    if endpoint.working_example is not None:
        examples[WORKING] = {"summary": "An example that works", "value": endpoint.working_example}
    return {**examples, **_documented(endpoint.request_example)}


def response_examples(endpoint: Endpoint) -> Mapping[str, Schema]:
    """Return the examples of an endpoint's first reply, by name."""
    return _documented(endpoint.response_example)


def with_values(content: Mapping[str, Schema], values: Mapping[str, object], *, is_new: bool) -> Mapping[str, Schema]:
    """Return the content of a request whose examples hold the attributes that are defined.

    Args:
        content: the content by media type.
        values: a value for each attribute.
        is_new: the request makes a record, whose example gets the values.
    """
    return {name: _with_values(media_type, values, is_new=is_new) for name, media_type in content.items()}


def _with_values(media_type: Schema, values: Mapping[str, object], *, is_new: bool) -> Schema:
    examples: dict[str, Any] = {
        name: example
        for name, example in media_type.get("examples", {}).items()
        if name == WORKING or not (is_new or "attributes" in example["value"])
    }
    if is_new and WORKING in examples:
        example = examples[WORKING]
        examples[WORKING] = {**example, "value": {**example["value"], "attributes": values}}
    return {name: part for name, part in media_type.items() if name != "examples"} | (
        {"examples": examples} if examples else {}
    )


def _documented(example: Any) -> Mapping[str, Schema]:
    return {} if example is None else {DOCUMENTED: {"summary": example.heading, "value": example.value}}
