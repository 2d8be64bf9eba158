"""The sentences about the fields of a class, which stand in its docstring under ``Attributes:``.

They are written there once, beside the fields. The OpenAPI document, the reference pages and the Python client show
them.
"""

import inspect
import re
from collections.abc import Mapping
from functools import cache
from typing import Final

_HEADING: Final = "\nAttributes:\n"
_FIRST_LINE = re.compile(r"^    (\w+): ", re.MULTILINE)


@cache
def field_sentences(entity: type) -> Mapping[str, str]:
    """Return a sentence for each field that the docstring of a class describes, in Markdown.

    >>> from crm_core.model.entities import TeachingAssistant
    >>> field_sentences(TeachingAssistant)["name"]
    'The name, as it was sent.'

    The result is empty where Python left docstrings out (``-OO``).
    """
    _, _, section = inspect.cleandoc(entity.__doc__ or "").partition(_HEADING)
    own, *_ = re.split(r"^(?=\S)", section, flags=re.MULTILINE)
    _, *parts = _FIRST_LINE.split(own)
    return {name: _sentence(text) for name, text in zip(parts[::2], parts[1::2], strict=True)}


def _sentence(text: str) -> str:
    words = " ".join(text.split()).replace("``", "`")
    return words[:1].upper() + words[1:]
