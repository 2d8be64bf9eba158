"""The examples of the documentation, which is part of the package, by method and path."""

import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Final, NamedTuple

_EXAMPLE: Final = re.compile(
    r"""^\*\*(?P<methods>[A-Z/]+)\*\*\ `(?P<path>[^`]+)`$  # the line of a method and a path
      | ^\#+\ (?P<heading>[^\n]*)$
      | ^\*\*(?P<label>[^*]+?):?\*\*[^\n]*$
      | ^```json\n(?P<text>.*?)\n```$
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
_COMMENT: Final = re.compile(r"\s+//.*$", re.MULTILINE)
#: What the documentation writes where a real request has an id.
_PLACEHOLDER: Final = re.compile(r"<\w*(?:uuid|_id)\w*>|\buuid(?:-of-\w+)?(?=\")")
_ID: Final = "01890000-0000-7000-8000-000000000000"


class Example(NamedTuple):
    """One example: whether it is the body of an answer, its name and its value."""

    is_answer: bool
    name: str
    value: object


def read_examples() -> Mapping[tuple[str, str], list[Example]]:
    """The examples by method and documented path, the placeholders of the path in braces."""
    found: dict[tuple[str, str], list[Example]] = {}
    for key, example in _read(files("crm_http.openapi").joinpath("api.md").read_text("utf-8")):
        found.setdefault(key, []).append(example)
    return found


def _read(text: str) -> Iterator[tuple[tuple[str, str], Example]]:
    methods = path = heading = label = ""
    for block in _EXAMPLE.finditer(text):
        if block["path"]:
            methods, path, label = block["methods"], re.sub(r"<\w+>", "{}", block["path"]), ""
        elif block["heading"]:
            heading, label = block["heading"], ""
        elif block["label"]:
            label = block["label"]
        elif label in {"", "Payload", "Response"} and (value := _value(block["text"])) is not None:
            for method in methods.split("/"):
                is_answer = label == "Response" or method == "GET"
                yield (method, path), Example(is_answer, heading, value)


def _value(text: str) -> object:
    """The example as a value; None for the one that is no JSON, where a line stands twice."""
    try:
        value: object = json.loads(_PLACEHOLDER.sub(_ID, _COMMENT.sub("", text)))
    except json.JSONDecodeError:
        return None
    return value
