"""The vocabulary in which entities declare their fields.

Each function returns an ``attrs`` field whose metadata is a :class:`Field`: how a plain wire value is read, whether it
must be there, what it refers to. Drafts, documents and queries are all read from that one description.
"""

import enum
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import attrs

from crm_core.errors import BREAKS_PATTERN
from crm_core.input import readers
from crm_core.input.readers import ReadContext, Reader, RefusedError, refuse

_METADATA_KEY: Final = "crm_core.field"


class _Required(enum.Enum):
    REQUIRED = enum.auto()


REQUIRED: Final = _Required.REQUIRED

#: The kinds of fields. What keys on them is exhaustive: a new kind shows by mypy and tests where it is still missing.
Kind: TypeAlias = Literal[
    "text",
    "integer",
    "boolean",
    "date",
    "moment",
    "day_or_moment",
    "choice",
    "uuid",
    "items",
    "texts",
    "mapping",
    "attributes",
    "json",
]


@attrs.frozen(kw_only=True)
class Field:
    """One field of an entity as the wire knows it.

    Attributes:
        kind: the name of its type.
        read: from a plain wire value to the checked one; raises RefusedError.
        default: what it is when it is not sent, or REQUIRED; a callable makes a fresh one.
        nullable: whether null may be sent and shown.
        output_only: shown, never read from a request.
        refers_to: the resource whose records (or ``user``, whose users) its value names.
        owner: the record referred to owns this one, which goes when its owner goes (ruling 13).
        secret: its values appear neither in events nor to those who may not change the record.
        limits: bounds for schemas, by their JSON Schema names.
        item: the class of its items, when they are described by one.
    """

    kind: Kind
    read: Reader
    default: object = REQUIRED
    nullable: bool = False
    output_only: bool = False
    refers_to: str | None = None
    owner: bool = False
    secret: bool = False
    limits: Mapping[str, Any] = attrs.field(factory=dict)
    item: type | None = None

    @property
    def required(self) -> bool:
        """Whether a record cannot be created without it."""
        return self.default is REQUIRED and not self.output_only

    def initial(self) -> object:
        """Its value in a new record for which none was sent."""
        return self.default() if callable(self.default) else self.default


def fields_of(entity: type) -> Mapping[str, Field]:
    """The fields of an entity class by name, in the documented order."""
    known: Mapping[str, Field] | None = _FIELDS.get(entity)
    if known is None:
        known = _FIELDS[entity] = {
            a.name: a.metadata[_METADATA_KEY] for a in attrs.fields(entity) if _METADATA_KEY in a.metadata
        }
    return known


_FIELDS: dict[type, Mapping[str, Field]] = {}


# The functions below return Any for the reason that attrs.field does: the annotation beside the name is the type.


def text(
    *,
    longest: int = 255,
    blank: bool = False,
    trim: bool = True,
    default: object = REQUIRED,
    nullable: bool = False,
    pattern: str = "",
) -> Any:
    """A text of 1 to ``longest`` characters; surrounding blanks are trimmed, ``blank`` allows an empty one."""
    shape = re.compile(pattern) if pattern else None

    def read(value: object, _: ReadContext) -> str:
        found = readers.read_text(value).strip() if trim else readers.read_text(value)
        if not found and not blank:
            raise refuse("blank", "This field may not be blank.")
        problems = readers.text_problems(found, longest)
        if not problems and shape is not None and not shape.fullmatch(found):
            problems = [BREAKS_PATTERN]
        if problems:
            raise RefusedError(problems)
        return found

    limits = (
        {"maxLength": longest} | ({} if blank else {"minLength": 1}) | ({"pattern": f"^{pattern}$"} if shape else {})
    )
    return _declare(Field(kind="text", read=read, default=default, nullable=nullable, limits=limits))


def boolean(*, default: object = REQUIRED) -> Any:
    """True or false, also in the spellings that forms use."""
    return _declare(Field(kind="boolean", read=lambda value, _: readers.read_boolean(value), default=default))


def day() -> Any:
    """A calendar day, ``YYYY-MM-DD``, optional."""
    return _declare(Field(kind="date", read=lambda value, _: readers.read_day(value), default=None, nullable=True))


def moment(*, nullable: bool = False) -> Any:
    """A point in time, kept in UTC; one without a zone is read as UTC (ruling 7). It need not be sent."""
    return _declare(
        Field(kind="moment", read=lambda value, _: readers.read_moment(value), default=None, nullable=nullable)
    )


def day_or_moment() -> Any:
    """A day or a point in time, as ISO text: a day stays a day (ruling 16)."""

    def read(value: object, _: ReadContext) -> str:
        try:
            return readers.read_day(value).isoformat()
        except RefusedError:
            return readers.iso(readers.read_moment(value))

    return _declare(Field(kind="day_or_moment", read=read, default=None, nullable=True))


def choice(*options: str, default: object = REQUIRED) -> Any:
    """One of the given texts."""

    def read(value: object, _: ReadContext) -> str:
        if isinstance(value, str) and value in options:
            return value
        raise refuse("invalid_choice", f'"{readers.shown(value)}" is not a valid choice.')

    return _declare(Field(kind="choice", read=read, default=default, limits={"enum": list(options)}))


def identity() -> Any:
    """The record's own id."""
    return _declare(Field(kind="uuid", read=readers.read_nothing, output_only=True))


def item_id() -> Any:
    """The id of a task, note or stage: kept if sent, made by whoever reads the list if not."""
    return _declare(
        Field(
            kind="uuid",
            read=lambda value, _: None if value == "" else readers.read_uuid(value),
            default=None,
            nullable=True,
        )
    )


def uuid() -> Any:
    """A UUID that refers to no record."""
    return _declare(Field(kind="uuid", read=lambda value, _: readers.read_uuid(value)))


def reference(to: str, *, default: object = REQUIRED, owner: bool = False, output_only: bool = False) -> Any:
    """The id of a record of the resource ``to``; optional when a default (None) is given."""
    return _declare(
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
    """The id of a user, optional."""
    return _declare(
        Field(
            kind="integer",
            read=lambda value, _: readers.read_user(value),
            default=None,
            nullable=True,
            refers_to="user",
            output_only=output_only,
        )
    )


def integer(*, default: object = REQUIRED) -> Any:
    """A whole number that a database's bigint holds."""
    return _declare(Field(kind="integer", read=lambda value, _: readers.read_integer(value), default=default))


def items(of: type, *, most: int) -> Any:
    """A list of at most ``most`` objects, each described by the class ``of``; drafts read them as they read records."""
    return _declare(Field(kind="items", read=readers.read_nothing, default=(), limits={"maxItems": most}, item=of))


def texts(*, most: int, longest: int = 255, options: Sequence[str] = (), read_one: Callable[[str], str] = str) -> Any:
    """A list of at most ``most`` texts; ``options`` names the only ones allowed, ``read_one`` checks further."""

    def read(value: object, _: ReadContext) -> tuple[str, ...]:
        found = readers.read_list(value, most)
        read_all = readers.read_each(found, lambda each: read_one(readers.plain_text(each, longest, options)))
        if options and not read_all:
            raise refuse("empty", "This selection may not be empty.")
        return tuple(dict.fromkeys(read_all)) if options else read_all

    limits = {"maxItems": most, "maxLength": longest, "enum": list(options)}
    return _declare(
        Field(kind="texts", read=read, default=tuple(options), limits={k: v for k, v in limits.items() if v})
    )


def mapping(read_values: Callable[[Mapping[str, object]], Mapping[str, object]], *, secret: bool = False) -> Any:
    """An object whose keys and values ``read_values`` checks."""

    def read(value: object, _: ReadContext) -> Mapping[str, object]:
        return read_values(readers.read_mapping(value))

    return _declare(Field(kind="mapping", read=read, default=dict, secret=secret))


def attribute_values() -> Any:
    """Values of user-defined attributes; what each may be is decided beside their definitions (ruling 20)."""
    return _declare(Field(kind="attributes", read=lambda value, _: readers.read_mapping(value), default=dict))


def json_value() -> Any:
    """Any JSON value."""
    return _declare(Field(kind="json", read=lambda value, _: readers.read_plain(value), default=None, nullable=True))


def output_only(kind: Kind) -> Any:
    """A value that the server alone sets, and always does before it is shown."""
    return _declare(Field(kind=kind, read=readers.read_nothing, default=None, output_only=True))


def _declare(field: Field) -> Any:
    default: Any = attrs.NOTHING
    if callable(field.default):
        default = attrs.Factory(field.default)
    elif field.default is not REQUIRED:
        default = field.default
    return attrs.field(default=default, metadata={_METADATA_KEY: field})
