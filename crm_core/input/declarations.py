"""The functions by which entities declare their fields.

Each returns an ``attrs`` field whose metadata is a ``Field``: how a plain JSON value is read, whether it is required,
and which records it refers to. They return Any, as ``attrs.field`` does: the annotation beside the name is the type.
"""

import re
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from crm_core.errors import BLANK, BREAKS_PATTERN, EMPTY_LIST, Problems, not_a_choice
from crm_core.input import dates, json_values, readers
from crm_core.input.decimals import Precision
from crm_core.input.fields import REQUIRED, Field, FieldKind, Options, Required, declare
from crm_core.input.readers import ReadContext, RefusedError, refuse
from crm_core.input.texts import is_blank, normal


def text(
    *,
    max_length: int = 255,
    blank: bool = False,
    verbatim: bool = False,
    default: object = REQUIRED,
    nullable: bool = False,
    pattern: str = "",
    redact: Callable[[str], str] | None = None,
) -> Any:
    """Declare a text of 1 to ``max_length`` characters, in NFC and without white space at both ends.

    Args:
        max_length: the most characters.
        blank: accept a text that shows nothing.
        verbatim: keep the text as it is sent; blanks are characters like others.
        default: the value if none is sent; without one the field is required.
        nullable: accept null.
        pattern: a regular expression that the whole text must match.
        redact: returns the text without what is secret in it.
    """
    shape = re.compile(pattern) if pattern else None

    def read(value: object, _: ReadContext) -> str:
        sent = readers.read_text(value)
        string = normal(sent).strip()
        if not blank and (not sent if verbatim else is_blank(string)):
            raise RefusedError((BLANK,))
        problems = readers.text_problems(normal(sent) if verbatim else string, max_length)
        if not problems and shape is not None and not shape.fullmatch(string):
            problems = [BREAKS_PATTERN]
        if problems:
            raise RefusedError(problems)
        return sent if verbatim else string

    limits = (
        {"maxLength": max_length} | ({} if blank else {"minLength": 1}) | ({"pattern": f"^{pattern}$"} if shape else {})
    )
    return declare(Field(kind="text", read=read, default=default, nullable=nullable, limits=limits, redact=redact))


def boolean(*, default: object = REQUIRED, word: str = "") -> Any:
    """Declare a boolean; the words that HTML forms send are read too.

    Args:
        default: the value if none is sent; without one the field is required.
        word: a text that the server can show in place of a value; sent back, it is true.
    """

    def read(value: object, _: ReadContext) -> bool:
        return True if word and value == word else readers.read_boolean(value)

    return declare(Field(kind="boolean", read=read, default=default, word=word))


def date_value(*, default: object = None) -> Any:
    """Declare a calendar date, ``YYYY-MM-DD``; with REQUIRED as its default it must be sent, else it may be null."""
    is_nullable = default is None
    return declare(
        Field(kind="date", read=lambda value, _: dates.read_date(value), default=default, nullable=is_nullable)
    )


def datetime_value(*, default: object = None, nullable: bool = False) -> Any:
    """Declare a date and time, stored in UTC; without a time zone it is read as UTC (decision 7).

    Args:
        default: the value if none is sent; REQUIRED if one must be sent.
        nullable: accept null.
    """
    return declare(
        Field(kind="datetime", read=lambda value, _: dates.read_datetime(value), default=default, nullable=nullable)
    )


def date_or_datetime_value() -> Any:
    """Declare an optional ISO text: a date, or a date with a time; a date stays a date (decision 16)."""

    def read(value: object, _: ReadContext) -> str:
        try:
            return dates.read_date(value).isoformat()
        except RefusedError:
            return dates.iso(dates.read_datetime(value))

    return declare(Field(kind="date_or_datetime", read=read, default=None, nullable=True))


def choice(*options: str, default: object = REQUIRED) -> Any:
    """Declare a text that is one of ``options``; with None as its default it may be null."""
    return choice_of(options, default=default)


def choice_of(options: Collection[str], *, default: object = REQUIRED) -> Any:
    """Declare a text that is one of ``options``, which can grow."""

    def read(value: object, _: ReadContext) -> str:
        if isinstance(value, str) and value in options:
            return value
        raise RefusedError((not_a_choice(readers.abbreviated(value)),))

    limits = Options(options)
    return declare(Field(kind="choice", read=read, default=default, nullable=default is None, limits=limits))


def identity() -> Any:
    """Declare the record's own id, which the server sets."""
    return declare(Field(kind="uuid", read=readers.read_nothing, output_only=True))


def item_id() -> Any:
    """Declare the id of a task, note or stage; if none is sent, reading the list makes one."""
    return declare(
        Field(
            kind="uuid",
            read=lambda value, _: None if value == "" else readers.read_uuid(value),
            default=None,
            nullable=True,
        )
    )


def uuid() -> Any:
    """Declare a required UUID that is not checked to be the id of a record."""
    return declare(Field(kind="uuid", read=lambda value, _: readers.read_uuid(value)))


def uuids(*, max_items: int) -> Any:
    """Declare a required list of 1 to ``max_items`` UUIDs that are not checked to be ids of records."""

    def read(value: object, _: ReadContext) -> tuple[UUID, ...]:
        found: tuple[UUID, ...] = readers.read_items(readers.read_list(value, max_items), readers.read_uuid)
        if not found:
            raise RefusedError((EMPTY_LIST,))
        return found

    return declare(Field(kind="uuids", read=read, limits={"minItems": 1, "maxItems": max_items}))


def uuid_by_name() -> Any:
    """Declare an optional object of UUIDs that are not checked to be ids of records."""

    def read(value: object, _: ReadContext) -> Mapping[str, UUID]:
        sent = readers.read_mapping(value)
        try:
            return {name: readers.read_uuid(each) for name, each in sent.items()}
        except RefusedError:
            raise RefusedError(
                {name: problems for name, each in sent.items() if (problems := _not_a_uuid(each))}
            ) from None

    return declare(Field(kind="uuid_by_name", read=read, default=dict))


def _not_a_uuid(value: object) -> Problems:
    try:
        readers.read_uuid(value)
    except RefusedError as error:
        return error.problems
    return ()


def reference(to: str, *, default: object = REQUIRED, owner: bool = False, output_only: bool = False) -> Any:
    """Declare the id of a record of another resource.

    Args:
        to: the name of that resource.
        default: None for an optional reference; without a default the field is required.
        owner: the referenced record owns this one (see ``Field.owner``).
        output_only: the server sets it.
    """
    return declare(
        Field(
            kind="uuid",
            read=lambda value, _: readers.read_key(value),
            default=default,
            nullable=default is None,
            refers_to=to,
            owner=owner,
            output_only=output_only,
        )
    )


def user(*, output_only: bool = False) -> Any:
    """Declare the optional id of a user."""
    return declare(
        Field(
            kind="integer",
            read=lambda value, _: readers.read_user(value),
            default=None,
            nullable=True,
            refers_to="user",
            output_only=output_only,
        )
    )


def integer(*, minimum: int | None = None, maximum: int | None = None, default: object = REQUIRED) -> Any:
    """Declare an integer of 64 bits, as PostgreSQL's bigint.

    Args:
        minimum: the least value.
        maximum: the greatest value.
        default: the value if none is sent, None for an optional integer; without a default the field is required.
    """
    limits = {name: bound for name, bound in (("minimum", minimum), ("maximum", maximum)) if bound is not None}
    return declare(
        Field(
            kind="integer",
            read=lambda value, _: readers.read_integer(value, **limits),
            default=default,
            nullable=default is None,
            limits=limits,
        )
    )


def decimal(
    *,
    max_digits: int,
    decimal_places: int,
    minimum: Decimal | str | int | None = None,
    maximum: Decimal | str | int | None = None,
    default: Decimal | str | int | Literal[Required.REQUIRED] | None = REQUIRED,
) -> Any:
    """Declare an exact decimal, which is a text in JSON and a ``FixedPoint`` in Python (decision 175).

    Args:
        max_digits: the most digits, before and after the point together; at most ``numbers.MAX_DIGITS``.
        decimal_places: the digits after the point.
        minimum: the least value.
        maximum: the greatest value.
        default: the value if none is sent, None for an optional decimal; without a default the field is required.
    """
    precision = Precision(max_digits=max_digits, decimal_places=decimal_places, minimum=minimum, maximum=maximum)
    return declare(
        Field(
            kind="decimal",
            read=lambda value, _: precision.read(value),
            default=default if default is REQUIRED or default is None else precision.read(default),
            nullable=default is None,
            limits={"pattern": precision.pattern},
            precision=precision,
        )
    )


def money(
    *,
    max_digits: int = 14,
    decimal_places: int = 2,
    minimum: Decimal | str | int | None = None,
    maximum: Decimal | str | int | None = None,
    default: Decimal | str | int | Literal[Required.REQUIRED] | None = REQUIRED,
) -> Any:
    """Declare an amount of money, a ``decimal``; its currency, if that varies, is a ``choice`` beside it.

    The arguments are those of ``decimal``.
    """
    return decimal(
        max_digits=max_digits, decimal_places=decimal_places, minimum=minimum, maximum=maximum, default=default
    )


def items(of: type, *, max_items: int, name: str = "") -> Any:
    """Declare a list of objects.

    Args:
        of: the class whose fields they have.
        max_items: the most objects.
        name: the field by which one that is sent without an id is one that is there.
    """
    limits = {"maxItems": max_items}
    return declare(Field(kind="items", read=readers.read_nothing, default=(), limits=limits, item=of, item_name=name))


def texts(
    *,
    min_items: int = 0,
    max_items: int = 0,
    max_length: int = 255,
    options: Collection[str] = (),
    all_by_default: bool = True,
    read_one: Callable[[str], str] = str,
) -> Any:
    """Declare a list of texts.

    Args:
        min_items: 1 if a list that is sent must not be empty.
        max_items: the most texts; with options, as many as there are unless it is given.
        max_length: the most characters of each.
        options: the only texts allowed, if any are given, which can grow; duplicates are dropped.
        all_by_default: whether all options are the default; None if not.
        read_one: checks and converts each text; raises RefusedError.

    Raises ValueError without options and without the most texts.
    """
    if not options and not max_items:
        raise ValueError("a list of texts needs options or max_items")

    def read(value: object, _: ReadContext) -> tuple[str, ...]:
        sent = readers.read_list(value, max_items or len(options))
        strings = readers.read_items(sent, lambda item: read_one(readers.plain_text(item, max_length, options)))
        if options and not strings:
            raise refuse("empty", "This selection may not be empty.")
        if len(strings) < min_items:
            raise RefusedError((EMPTY_LIST,))
        return tuple(dict.fromkeys(strings)) if options else strings

    limits = {"minItems": min_items, "maxItems": max_items, "maxLength": max_length}
    named = {name: limit for name, limit in limits.items() if limit}
    return declare(
        Field(
            kind="texts",
            read=read,
            default=tuple(options) if all_by_default else None,
            limits=Options(options, named) if options else named,
        )
    )


def mapping(
    read_values: Callable[[Mapping[str, object]], Mapping[str, object]],
    *,
    redact: Callable[[Mapping[str, object]], object] | None = None,
) -> Any:
    """Declare an object whose keys and values ``read_values`` checks; ``redact`` returns it without secret values."""

    def read(value: object, _: ReadContext) -> Mapping[str, object]:
        return read_values(_with_normal_values(readers.read_mapping(value)))

    return declare(Field(kind="mapping", read=read, default=dict, redact=redact))


def attribute_values() -> Any:
    """Declare the values of user-defined attributes; ``rules.attributes`` checks them (decision 20)."""
    return declare(Field(kind="attributes", read=lambda value, _: readers.read_mapping(value), default=dict))


def json_value() -> Any:
    """Declare any JSON value; optional."""
    return declare(Field(kind="json", read=lambda value, _: json_values.read_plain(value), default=None, nullable=True))


def as_sent() -> Any:
    """Declare any value of at most ``MAX_DEPTH`` levels, kept as it was sent and read elsewhere; optional."""

    def read(value: object, _: object) -> object:
        json_values.check_depth(value)
        return value

    return declare(Field(kind="json", read=read, default=None, nullable=True))


def output_only(kind: FieldKind, *, options: Collection[str] = (), default: object = None) -> Any:
    """Declare a value of the given kind that only the server sets.

    Args:
        kind: the kind.
        options: the only texts that it sets.
        default: the value of a new record, also of those whose events are older than the field.
    """
    limits = Options(options) if options else {}
    return declare(Field(kind=kind, read=readers.read_nothing, default=default, output_only=True, limits=limits))


def last_change(kind: FieldKind) -> Any:
    """Declare a value that the server takes from the event of a record's last change; null where none is known."""
    return declare(
        Field(kind=kind, read=readers.read_nothing, default=None, nullable=True, output_only=True, is_stamp=True)
    )


def _with_normal_values(sent: Mapping[str, object]) -> Mapping[str, object]:
    return {name: normal(value) if isinstance(value, str) else value for name, value in sent.items()}
