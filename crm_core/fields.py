"""The vocabulary in which entities declare their fields.

Each function returns an ``attrs`` field whose metadata is a :class:`Field`: how a plain wire value is read, whether it
must be there, what it refers to. Drafts, documents, queries and the OpenAPI schema are all read from that one
description. Conversions and texts are those of Django REST Framework (``api.md`` was written for it).
"""

import enum
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final
from uuid import UUID

import attrs

from crm_core.errors import InvalidError, Problem, Problems

_METADATA_KEY: Final = "crm_core.field"
_LARGEST_KEY: Final = 2**63 - 1
_LOOSE_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_TRAILING_ZEROS = re.compile(r"\.0*\s*$")
_TRUE: Final = frozenset({"t", "y", "yes", "true", "on", "1"})
_FALSE: Final = frozenset({"f", "n", "no", "false", "off", "0"})
_NO_TEXT_IS_LONGER: Final = 1_000


class _Required(enum.Enum):
    REQUIRED = enum.auto()


REQUIRED: Final = _Required.REQUIRED


class RefusedError(Exception):
    """A value that cannot be read; carries its problems to whoever knows the field's name."""

    def __init__(self, problems: Problems) -> None:
        super().__init__(problems)
        self.problems = problems


def refuse(code: str, message: str) -> RefusedError:
    """The refusal of one value for one reason."""
    return RefusedError((Problem(code, message),))


@attrs.frozen
class Intake:
    """What reading a value may draw on besides the value itself.

    Attributes:
        new_id: where the ids of new tasks, notes and stages come from.
        strict: refuse unknown and output-only keys instead of ignoring them (ruling 4).
    """

    new_id: Callable[[], UUID]
    strict: bool = False


Reader = Callable[[object, Intake], object]


@attrs.frozen(kw_only=True)
class Field:
    """One field of an entity as the wire knows it.

    Attributes:
        kind: the word for its type in schemas: text, integer, boolean, date, moment, uuid, items, mapping, json ...
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

    kind: str
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

    def read(value: object, _: Intake) -> str:
        found = read_text(value).strip() if trim else read_text(value)
        if not found and not blank:
            raise refuse("blank", "This field may not be blank.")
        problems = text_problems(found, longest)
        if not problems and shape is not None and not shape.fullmatch(found):
            problems = [Problem("invalid", "This value does not match the required pattern.")]
        if problems:
            raise RefusedError(problems)
        return found

    limits = (
        {"maxLength": longest} | ({} if blank else {"minLength": 1}) | ({"pattern": f"^{pattern}$"} if shape else {})
    )
    return _declare(Field(kind="text", read=read, default=default, nullable=nullable, limits=limits))


def boolean(*, default: object = REQUIRED) -> Any:
    """True or false, also in the spellings that forms use."""
    return _declare(Field(kind="boolean", read=lambda value, _: read_boolean(value), default=default))


def day(*, default: object = None, nullable: bool = True) -> Any:
    """A calendar day, ``YYYY-MM-DD``."""
    return _declare(Field(kind="date", read=lambda value, _: read_day(value), default=default, nullable=nullable))


def moment(*, default: object = None, nullable: bool = False) -> Any:
    """A point in time, kept in UTC; one without a zone is read as UTC (ruling 7)."""
    return _declare(Field(kind="moment", read=lambda value, _: read_moment(value), default=default, nullable=nullable))


def day_or_moment() -> Any:
    """A day or a point in time, as ISO text: a day stays a day (ruling 16)."""

    def read(value: object, _: Intake) -> str:
        try:
            return read_day(value).isoformat()
        except RefusedError:
            return iso(read_moment(value))

    return _declare(Field(kind="day_or_moment", read=read, default=None, nullable=True))


def choice(*options: str, default: object = REQUIRED) -> Any:
    """One of the given texts."""

    def read(value: object, _: Intake) -> str:
        if isinstance(value, str) and value in options:
            return value
        raise refuse("invalid_choice", f'"{_shown(value)}" is not a valid choice.')

    return _declare(Field(kind="choice", read=read, default=default, limits={"enum": list(options)}))


def identity() -> Any:
    """The record's own id."""
    return _declare(Field(kind="uuid", read=read_nothing, output_only=True))


def item_id() -> Any:
    """The id of a task, note or stage: kept if sent, made by whoever reads the list if not."""
    return _declare(
        Field(
            kind="uuid",
            read=lambda value, _: None if value == "" else read_uuid(value),
            default=None,
            nullable=True,
        )
    )


def uuid(*, default: object = REQUIRED) -> Any:
    """A UUID that refers to no record."""
    return _declare(Field(kind="uuid", read=lambda value, _: read_uuid(value), default=default))


def reference(to: str, *, default: object = REQUIRED, owner: bool = False, output_only: bool = False) -> Any:
    """The id of a record of the resource ``to``; optional when a default (None) is given."""
    return _declare(
        Field(
            kind="uuid",
            read=lambda value, _: read_key(value),
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
            read=lambda value, _: read_user(value),
            default=None,
            nullable=True,
            refers_to="user",
            output_only=output_only,
        )
    )


def whole(*, default: object = REQUIRED, nullable: bool = False) -> Any:
    """A whole number that a database's bigint holds."""
    return _declare(Field(kind="integer", read=lambda value, _: read_whole(value), default=default, nullable=nullable))


def items(of: type, *, most: int) -> Any:
    """A list of at most ``most`` objects, each described by the class ``of``; problems are keyed by index."""
    # Imported late: drafts read classes through this module's vocabulary.
    from crm_core.drafts import read_items  # noqa: PLC0415

    return _declare(
        Field(
            kind="items",
            read=lambda value, intake: read_items(of, value, most, intake),
            default=(),
            limits={"maxItems": most},
            item=of,
        )
    )


def texts(*, most: int, longest: int = 255, options: Sequence[str] = (), read_one: Callable[[str], str] = str) -> Any:
    """A list of at most ``most`` texts; ``options`` names the only ones allowed, ``read_one`` checks further."""

    def read(value: object, _: Intake) -> tuple[str, ...]:
        found = read_list(value, most)
        return read_each(found, lambda each: read_one(_plain_text(each, longest, options)))

    limits = {"maxItems": most, "maxLength": longest, "enum": list(options)}
    return _declare(
        Field(kind="texts", read=read, default=tuple(options), limits={k: v for k, v in limits.items() if v})
    )


def mapping(read_values: Callable[[Mapping[str, object]], Mapping[str, object]], *, secret: bool = False) -> Any:
    """An object whose keys and values ``read_values`` checks."""

    def read(value: object, _: Intake) -> Mapping[str, object]:
        return read_values(read_mapping(value))

    return _declare(Field(kind="mapping", read=read, default=dict, secret=secret))


def attribute_values() -> Any:
    """Values of user-defined attributes; what each may be is decided beside their definitions (ruling 20)."""
    return _declare(Field(kind="attributes", read=lambda value, _: read_mapping(value), default=dict))


def json_value() -> Any:
    """Any JSON value."""

    def read(value: object, _: Intake) -> object:
        for found in _texts_within(value):
            if problems := text_problems(found, len(found)):
                raise RefusedError(problems)
        return value

    return _declare(Field(kind="json", read=read, default=None, nullable=True))


def output_only(kind: str) -> Any:
    """A value that the server alone sets."""
    return _declare(Field(kind=kind, read=read_nothing, default=None, nullable=True, output_only=True))


def _declare(field: Field) -> Any:
    default: Any = attrs.NOTHING
    if callable(field.default):
        default = attrs.Factory(field.default)
    elif field.default is not REQUIRED:
        default = field.default
    return attrs.field(default=default, metadata={_METADATA_KEY: field})


# Readers: from a plain wire value to a checked one.


def read_nothing(_: object, __: Intake) -> object:
    """The reader of output-only fields, which are never read."""
    raise AssertionError("an output-only field is never read")


def read_text(value: object) -> str:
    """Texts as they are, numbers as their text; anything else is refused."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise refuse("invalid", "Not a valid string.")
    return str(value)


def text_problems(value: str, longest: int) -> list[Problem]:
    """What makes a text one that cannot be stored or is too long."""
    problems = []
    if len(value) > longest:
        problems.append(Problem("max_length", f"Ensure this field has no more than {longest} characters."))
    if "\x00" in value:
        problems.append(Problem("null_characters_not_allowed", "Null characters are not allowed."))
    if not value.isascii() and (lone := next((c for c in value if "\ud800" <= c <= "\udfff"), "")):
        shown = f"U+{ord(lone):X}"
        problems.append(Problem("surrogate_characters_not_allowed", f"Surrogate characters are not allowed: {shown}."))
    return problems


def read_boolean(value: object) -> bool:
    """JSON booleans, 0 and 1, and the words that forms send."""
    if value in (True, False) and isinstance(value, bool | int | float):
        return bool(value)
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    raise refuse("invalid", "Must be a valid boolean.")


def read_whole(value: object) -> int:
    """Whole numbers, also as text and with a zero fraction."""
    if isinstance(value, str) and len(value) > _NO_TEXT_IS_LONGER:
        raise refuse("max_string_length", "String value too large.")
    number = _whole(value)
    if number is None:
        raise refuse("invalid", "A valid integer is required.")
    if abs(number) > _LARGEST_KEY:
        raise refuse("max_value", f"Ensure this value is less than or equal to {_LARGEST_KEY}.")
    return number


def read_day(value: object) -> date:
    """``YYYY-MM-DD``, leading zeros optional."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            if loose := _LOOSE_DATE.fullmatch(value):
                try:
                    return date(*map(int, loose.groups()))
                except ValueError:
                    pass
    raise refuse("invalid", "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.")


def read_moment(value: object) -> datetime:
    """ISO 8601 to UTC; a bare day is its midnight. What leaves the years 1 to 9999 in UTC is refused."""
    found = value
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            found = _midnight(value)
    if not isinstance(found, datetime):
        raise refuse(
            "invalid",
            "Datetime has wrong format. Use one of these formats instead: "
            "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].",
        )
    try:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:
        raise refuse("overflow", "Datetime value out of range.") from None


def read_uuid(value: object) -> UUID:
    """Anything that spells a UUID."""
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value) if isinstance(value, str) else UUID(int=_not_bool(value))
    except (ValueError, TypeError):
        raise refuse("invalid", "Must be a valid UUID.") from None


def read_key(value: object) -> UUID | None:
    """The id of a record; an empty text is none."""
    if isinstance(value, bool):
        raise refuse("incorrect_type", "Incorrect type. Expected pk value, received bool.")
    if value == "":
        return None
    try:
        return read_uuid(value)
    except RefusedError:
        raise refuse("invalid", f"“{_shown(value)}” is not a valid UUID.") from None


def read_user(value: object) -> int | None:
    """The id of a user; an empty text is none. One that no user can have is left for the look-up to miss."""
    if value == "":
        return None
    number = _whole(value)
    if number is None:
        raise refuse("incorrect_type", f"Incorrect type. Expected pk value, received {type(value).__name__}.")
    return number


def read_list(value: object, most: int) -> Sequence[object]:
    """A list of at most ``most`` items."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
        raise refuse("not_a_list", f'Expected a list of items but got type "{type(value).__name__}".')
    if len(value) > most:
        raise refuse("max_length", f"Ensure this field has no more than {most} elements.")
    return value


def read_mapping(value: object) -> Mapping[str, object]:
    """An object."""
    if not isinstance(value, Mapping):
        raise refuse("not_a_dict", f'Expected a dictionary of items but got type "{type(value).__name__}".')
    return value


def read_each(found: Sequence[object], read_one: Callable[[object], Any]) -> tuple[Any, ...]:
    """Every item read, or the problems of all bad ones keyed by index."""
    problems: dict[str, Problems] = {}
    good = []
    for index, each in enumerate(found):
        try:
            good.append(read_one(each))
        except RefusedError as error:
            problems[str(index)] = error.problems
        except InvalidError as error:
            problems[str(index)] = error.problems
    if problems:
        raise RefusedError(problems)
    return tuple(good)


def iso(value: datetime) -> str:
    """A UTC time as the wire shows it: ISO 8601 with ``Z``, microseconds only if there are any."""
    return value.isoformat().replace("+00:00", "Z")


def _plain_text(value: object, longest: int, options: Sequence[str]) -> str:
    if not isinstance(value, str):
        raise refuse("invalid", "Not a valid string.")
    if problems := text_problems(value, longest):
        raise RefusedError(problems)
    if options and value not in options:
        raise refuse("invalid_choice", f'"{value}" is not a valid choice.')
    return value


def _midnight(value: str) -> datetime | None:
    try:
        return datetime.combine(read_day(value), time())
    except RefusedError:
        return None


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    if isinstance(value, str) and len(value) <= _NO_TEXT_IS_LONGER:
        try:
            return int(_TRAILING_ZEROS.sub("", value))
        except ValueError:
            return None
    return None


def _not_bool(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return value


def _shown(value: object) -> str:
    """A refused value inside a message; long ones are cut, as no client needs its own input whole."""
    return str(value)[:100]


def _texts_within(value: object) -> Sequence[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [t for pair in value.items() for part in pair for t in _texts_within(part)]
    if isinstance(value, Sequence):
        return [t for part in value for t in _texts_within(part)]
    return []
