"""The names of a list's query parameters, and parameters that hold several values (decision 9)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

from crm_core.engine.queries import RANGES
from crm_core.errors import NOT_A_NUMBER, InvalidError, Problem, Problems
from crm_core.input.fields import Field
from crm_core.input.numbers import exact_number
from crm_core.input.readers import RefusedError, read_text, refuse
from crm_core.input.texts import is_blank
from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.model.plain_values import plain
from crm_core.resources import Resource

#: What parts a field from an operator in the name of a parameter. Attributes' names never have it.
OPERATOR_MARK: Final = "__"
#: The parameters that are no filters.
CONTROLS: Final = ("search", "ordering", "limit", "cursor")
#: The parameters by which other APIs number pages; pages have cursors here.
PAGE_NUMBERS: Final = ("offset", "page")

_BRACKETS: Final = re.compile(r"attributes\[([^\[\]]*)\](?:\[([^\[\]]*)\])?")
_AFTER_FIELD: Final = re.compile(r"__|\[|\.")
_DATES: Final = frozenset({"date", "datetime", "date_or_datetime"})
#: A part between quotes, in which quotes are doubled; or one without. Each ends with a comma.
_PART: Final = re.compile(r"""\s*"((?:[^"]|"")*)"\s*,|\s*'((?:[^']|'')*)'\s*,|([^,]*),""")


def filter_parameters(resource: Resource) -> Mapping[str, tuple[str, str]]:
    """Return the field and operator of every filter by a field of a resource's own, by the parameter's name."""
    named = (*resource.filters, *(name for name in resource.references if name != resource.parent))
    plain = {name: (name, resource.filters.get(name, "exact")) for name in named}
    ranges = ((name, operator) for name in resource.ranges for operator in RANGES)
    nullable = (name for name, field in resource.fields.items() if _may_be_absent(resource, name, field))
    marked = (*ranges, *((name, "isnull") for name in nullable))
    return plain | {f"{name}{OPERATOR_MARK}{operator}": (name, operator) for name, operator in marked}


def _may_be_absent(resource: Resource, name: str, field: Field) -> bool:
    is_compared = name in resource.filters or name in resource.ranges
    is_asked = field.refers_to is not None or field.kind in _DATES or (field.nullable and is_compared)
    return is_asked and name != resource.parent


def known_parameters(resource: Resource) -> tuple[str, ...]:
    """Return the names of a list's query parameters, without operators; ``attributes.<name>`` is any attribute."""
    fields = (name for name in filter_parameters(resource) if OPERATOR_MARK not in name)
    attribute = (f"{ATTRIBUTE_PREFIX}<name>",) if "attributes" in resource.fields else ()
    return (*fields, *attribute, *CONTROLS)


def dotted(name: str) -> str:
    """Return a parameter's name with the attribute in brackets, as many clients write it, after a dot.

    >>> dotted("attributes[city]"), dotted("attributes[size][gte]"), dotted("attributes[city][]")
    ('attributes.city', 'attributes.size__gte', 'attributes.city__in')
    """
    found = _BRACKETS.fullmatch(name)
    if found is None:
        return name
    operator = "" if found[2] is None else f"{OPERATOR_MARK}{found[2] or 'in'}"
    return f"{ATTRIBUTE_PREFIX}{found[1]}{operator}"


def is_known(resource: Resource, name: str) -> bool:
    """Return whether a dotted name is that of a parameter of the resource's list."""
    is_attribute = name.startswith(ATTRIBUTE_PREFIX) and "attributes" in resource.fields
    return is_attribute or name in CONTROLS or name in filter_parameters(resource)


def refuse_unknown(resource: Resource, name: str, *, is_asked: bool, strict: bool) -> None:
    """Raise RefusedError for an unknown parameter that names a field, as to ignore it would give the whole list.

    Others are ignored, unless ``strict``.

    Args:
        resource: the resource of the list.
        name: the parameter's name, dotted.
        is_asked: it has a value.
        strict: refuse every unknown parameter (decision 4).
    """
    if strict:
        raise refuse("unknown", f"This parameter is not known. There are: {', '.join(known_parameters(resource))}.")
    field = _AFTER_FIELD.split(name, maxsplit=1)[0]
    if field not in resource.fields or name == resource.parent or (name == field and not is_asked):
        return
    if field == "attributes":
        raise refuse("unknown", f"Attributes are filtered by {ATTRIBUTE_PREFIX}<name>, such as {_example(name)}.")
    there = [parameter for parameter, (filtered, _) in filter_parameters(resource).items() if filtered == field]
    if there:
        raise refuse("unknown", f"This filter is not known. The filters of this field are: {', '.join(there)}.")
    raise refuse("unknown", "Lists cannot be filtered by this field.")


def _example(name: str) -> str:
    words = re.findall(r"[^\W_]+(?:_[^\W_]+)*", name.removeprefix("attributes")[:100])
    return f"{ATTRIBUTE_PREFIX}{words[0] if words else 'city'}"


def counting_problems(params: Mapping[str, str]) -> Mapping[str, Sequence[Problem]]:
    """Return the problems of ``offset`` and ``page`` beside ``limit``: pages have cursors instead of numbers."""
    if is_blank(params.get("limit", "")):
        return {}
    text = "Pages are not numbered. Follow the Link header of each page to the next, or send its cursor."
    return {name: (Problem("unknown", text),) for name in PAGE_NUMBERS if not is_blank(params.get(name, ""))}


# Several values


def gather(pairs: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Return parameters by name. Of one that is repeated the last counts; but the values of ``__in`` add up.

    >>> gather([("limit", "5"), ("limit", "7"), ("attributes.city__in", "Lyon"), ("attributes.city__in", "Paris")])
    {'limit': '7', 'attributes.city__in': 'Lyon,Paris'}
    """
    params: dict[str, str] = {}
    for name, value in pairs:
        adds_up = name in params and dotted(name).endswith(f"{OPERATOR_MARK}in")
        params[name] = join_parts([*split_parts(params[name]), *split_parts(value)]) if adds_up else value
    return params


def parameter_texts(params: Mapping[str, object], *, ignores_blanks: bool = False) -> Mapping[str, str]:
    """Return query parameters as texts, as a URL would have them. Raises InvalidError by parameter.

    Args:
        params: values by name.
        ignores_blanks: keep blank texts, which lists ignore, as they are.
    """
    texts: dict[str, str] = {}
    problems: dict[str, Problems] = {}
    for name, value in params.items():
        try:
            is_kept = ignores_blanks and isinstance(value, str)
            texts[str(name)] = str(value) if is_kept else parameter_text(value)
        except RefusedError as error:
            problems[str(name)] = error.problems
    if problems:
        raise InvalidError(problems)
    return texts


def parameter_text(value: object) -> str:
    """Return a value as the text of a query parameter; several values are joined.

    Raises RefusedError for a blank text and for None, as a list would ignore them and have everything, and for what has
    no such text.

    >>> from uuid import UUID
    >>> parameter_text([1, True, UUID(int=1)])
    '1,true,00000000-0000-0000-0000-000000000001'
    """
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return _compared(join_parts(map(_single_text, value)))
    return _single_text(value)


def _single_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    sent = plain(value) if isinstance(value, date | UUID) else value
    if isinstance(sent, int | float | Decimal) and exact_number(sent) is None:
        raise RefusedError((NOT_A_NUMBER,))
    return _compared(read_text(sent) if isinstance(sent, str | int | float | Decimal) else "")


def _compared(text: str) -> str:
    if is_blank(text):
        raise refuse("blank", "This parameter takes a value to compare with; leave it out for no such filter.")
    return text


def split_parts(text: str) -> Sequence[str]:
    """Return the texts between commas without blanks at their ends. Quotes keep one together, as it is.

    >>> split_parts('Lyon, "Paris, Texas"')
    ['Lyon', 'Paris, Texas']
    """
    return [_unquoted(*found) for found in _PART.findall(f"{text},")] if text else []


def _unquoted(double: str, single: str, plain: str) -> str:
    return double.replace('""', '"') or single.replace("''", "'") or plain.strip()


def join_parts(parts: Iterable[str]) -> str:
    """Return texts as one that `split_parts` takes apart again.

    >>> join_parts(["Lyon", "Paris, Texas"])
    'Lyon,"Paris, Texas"'
    """
    return ",".join(_quoted(part) if _needs_quotes(part) else part for part in parts)


def _needs_quotes(part: str) -> bool:
    return part != part.strip() or "," in part or part[:1] in {'"', "'"}


def _quoted(part: str) -> str:
    doubled = part.replace('"', '""')
    return f'"{doubled}"'
