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
    return {name: _sentence(text) for name, text in clauses(section).items()}


def clauses(section: str) -> Mapping[str, str]:
    r"""Return what a section of a docstring says of each name, as it stands there; what follows it is left out.

    >>> clauses("    id_: the id of\n        the record.\n\nRaises NotFoundError.")
    {'id_': 'the id of the record.'}
    """
    own, *_ = re.split(r"^(?=\S)", section, flags=re.MULTILINE)
    _, *parts = _FIRST_LINE.split(own)
    return {name: " ".join(text.split()) for name, text in zip(parts[::2], parts[1::2], strict=True)}


def clause(sentence: str) -> str:
    """Return a sentence in Markdown as it stands in a docstring.

    >>> clause("The HTTP method of `call`."), clause("HTTP calls.")
    ('the HTTP method of ``call``.', 'HTTP calls.')
    """
    is_word = not sentence[1:2].isupper()
    return (sentence[:1].lower() + sentence[1:] if is_word else sentence).replace("`", "``")


def _sentence(text: str) -> str:
    words = text.replace("``", "`")
    return words[:1].upper() + words[1:]
