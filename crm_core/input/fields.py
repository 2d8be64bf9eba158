"""Field: the description of one field of an entity. Drafts, documents, queries and JSON schemas all derive from it.

Entities declare their fields by the functions of ``declarations``.
"""

import enum
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs

from crm_core.input.decimals import Precision
from crm_core.input.readers import Reader

_METADATA_KEY: Final = "crm_core.field"


class Required(enum.Enum):
    """The type of ``REQUIRED``, which stands for the default of a field that must be sent."""

    REQUIRED = enum.auto()


REQUIRED: Final = Required.REQUIRED

#: The kinds of fields.
FieldKind: TypeAlias = Literal[
    "text",
    "integer",
    "decimal",
    "boolean",
    "date",
    "datetime",
    "date_or_datetime",
    "choice",
    "uuid",
    "items",
    "texts",
    "mapping",
    "uuids",
    "uuid_by_name",
    "attributes",
    "json",
]


@attrs.frozen(kw_only=True)
class Field:
    """The description of one field of an entity.

    Attributes:
        kind: the name of its type.
        read: turns a plain JSON value into the checked value; raises RefusedError.
        default: the value if none is sent, or REQUIRED; a callable returns a new default for every record.
        nullable: null is accepted and may be returned.
        output_only: returned to clients, never read from a request.
        refers_to: the name of the resource that its value is an id of, or ``user``.
        is_stamp: it is set from the event of every change, so events do not record it.
        owner: the referenced record owns this one: deleting the owner deletes this record too (decision 13).
        redact: returns a value without what is secret in it: in events, and for callers who may not change the record.
        limits: bounds, by their JSON Schema keywords.
        precision: the digits and bounds of a decimal; None for other kinds.
        item: the class of the list's items, if it is a list of objects.
        item_name: the field by which an item that is sent without an id is one that is there; empty for none.
        word: a text that a boolean can also be, which the server sets; empty for none.
    """

    kind: FieldKind
    read: Reader
    default: object = REQUIRED
    nullable: bool = False
    output_only: bool = False
    refers_to: str | None = None
    is_stamp: bool = False
    owner: bool = False
    redact: Callable[[Any], object] | None = None
    limits: Mapping[str, Any] = attrs.field(factory=dict)
    precision: Precision | None = None
    item: type | None = None
    item_name: str = ""
    word: str = ""

    @property
    def required(self) -> bool:
        """Return whether the field must be sent when a record is created."""
        return self.default is REQUIRED and not self.output_only

    def initial(self) -> object:
        """Return the value of the field in a new record if none was sent."""
        return self.default() if callable(self.default) else self.default


@attrs.frozen
class Options(Mapping[str, Any]):
    """The limits of a text that is one of some options, or of a list of such texts, as they are when they are read.

    Attributes:
        options: the options, which can grow.
        of_list: the other limits of a list.
    """

    options: Collection[str]
    of_list: Mapping[str, int] = attrs.field(factory=dict)

    def __getitem__(self, name: str) -> Any:
        if name == "enum":
            return list(self.options)
        if name == "maxItems" and self.of_list:
            return self.of_list.get(name, len(self.options))
        return self.of_list[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(("maxItems", *self.of_list, "enum") if self.of_list else ("enum",)))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def fields_of(entity: type) -> Mapping[str, Field]:
    """Return the fields of an entity class by name, in the documented order.

    A name that Python reserves ends with an underscore in a class, and without one here.
    """
    fields: Mapping[str, Field] | None = _FIELDS.get(entity)
    if fields is None:
        declared = (a for a in attrs.fields(entity) if _METADATA_KEY in a.metadata)
        fields = _FIELDS[entity] = {a.name.removesuffix("_"): a.metadata[_METADATA_KEY] for a in declared}
    return fields


_FIELDS: dict[type, Mapping[str, Field]] = {}


def declare(field: Field) -> Any:
    """Return the ``attrs`` field that has a description."""
    default: Any = attrs.NOTHING
    if callable(field.default):
        default = attrs.Factory(field.default)
    elif field.default is not REQUIRED:
        default = field.default
    return attrs.field(default=default, metadata={_METADATA_KEY: field})
