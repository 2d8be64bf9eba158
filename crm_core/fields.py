"""The functions with which entities of your own declare their fields (``docs/how-to/add-a-resource.md``)."""

from crm_core.input.decimals import FixedPoint
from crm_core.input.declarations import (
    attribute_values,
    boolean,
    choice,
    date_value,
    datetime_value,
    decimal,
    identity,
    integer,
    items,
    json_value,
    last_change,
    money,
    output_only,
    reference,
    text,
    texts,
    user,
)
from crm_core.input.fields import REQUIRED

__all__ = [
    "REQUIRED",
    "FixedPoint",
    "attribute_values",
    "boolean",
    "choice",
    "date_value",
    "datetime_value",
    "decimal",
    "identity",
    "integer",
    "items",
    "json_value",
    "last_change",
    "money",
    "output_only",
    "reference",
    "text",
    "texts",
    "user",
]
