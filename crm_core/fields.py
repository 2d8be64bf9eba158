"""The functions with which entities of your own declare their fields (``docs/how-to/add-a-resource.md``)."""

from crm_core.input.fields import (
    attribute_values,
    boolean,
    choice,
    date_value,
    datetime_value,
    identity,
    integer,
    items,
    json_value,
    last_change,
    output_only,
    reference,
    text,
    texts,
    user,
)

__all__ = [
    "attribute_values",
    "boolean",
    "choice",
    "date_value",
    "datetime_value",
    "identity",
    "integer",
    "items",
    "json_value",
    "last_change",
    "output_only",
    "reference",
    "text",
    "texts",
    "user",
]
