"""Hypothesis strategies: what clients send, what stores keep, schemas, conditions, and histories.

They are derived from the fields of the entities. By default payloads are valid: plain JSON values that are accepted as
far as that depends on one record alone. Hostile payloads also contain invalid and unusual values.
"""

from crm_core.testing.strategies.attributes import attribute_names, attribute_values, unique_values
from crm_core.testing.strategies.context import PayloadContext
from crm_core.testing.strategies.entities import entities, histories
from crm_core.testing.strategies.parameters import list_parameters
from crm_core.testing.strategies.payloads import patches, payloads
from crm_core.testing.strategies.schemas import (
    InvalidAttributes,
    attribute_sets,
    definitions,
    invalid_attribute_sets,
    schemas,
)
from crm_core.testing.strategies.texts import NEAR_EQUAL, json_values, near_equal, numbers, one_of_names, texts
from crm_core.testing.strategies.webhooks import conditions, templates

__all__ = [
    "NEAR_EQUAL",
    "InvalidAttributes",
    "PayloadContext",
    "attribute_names",
    "attribute_sets",
    "attribute_values",
    "conditions",
    "definitions",
    "entities",
    "histories",
    "invalid_attribute_sets",
    "json_values",
    "list_parameters",
    "near_equal",
    "numbers",
    "one_of_names",
    "patches",
    "payloads",
    "schemas",
    "templates",
    "texts",
    "unique_values",
]
