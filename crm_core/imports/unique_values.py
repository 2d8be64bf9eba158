"""The unique values in the rows of a file: which record a row is about, and which rows have the same (decision 96)."""

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from crm_core.errors import InvalidError, invalid
from crm_core.imports.options import BY_ID, ImportOptions
from crm_core.imports.runs import RowProblem
from crm_core.model.entities import ATTRIBUTE_PREFIX, Attribute
from crm_core.rules.attributes import check_value, name_by_now, renamed_to
from crm_core.rules.needs import UniqueValue
from crm_core.rules.uniqueness import UniqueKey, unique_key, unique_value


def upsert_attribute(definitions: Mapping[str, Attribute], options: ImportOptions) -> Attribute | None:
    """Return the attribute by which rows find their records; None if they do not, or do it by their ids.

    Raises InvalidError if there is no such attribute, or it is not unique.
    """
    if options.upsert_by in {"", BY_ID}:
        return None
    name = options.upsert_by.removeprefix(ATTRIBUTE_PREFIX)
    definition = definitions.get(name)
    if (new := name_by_now(name, definitions)) is not None:
        raise InvalidError({"upsert_by": (renamed_to(new),)})
    if definition is None or not definition.is_unique:
        raise invalid("upsert_by", "not_unique", f'"{options.upsert_by}" is neither id nor a unique attribute.')
    return definition


def value_of(definition: Attribute, data: Mapping[str, Any]) -> UniqueValue | None:
    """Return the value that a row has of an attribute; None if it has none, or one that is refused anyhow."""
    sent = data.get("attributes")
    value = sent.get(definition.name) if isinstance(sent, Mapping) else None
    if value is None or check_value(definition, value) or unique_key(definition.type, value) is None:
        return None
    return unique_value(definition, value)


@attrs.define
class Doubles:
    """Finds rows that have a unique value of an earlier row, which batches that are decided apart would not.

    Attributes:
        definitions: the attributes of the resource.
    """

    definitions: Mapping[str, Attribute]
    _seen: dict[tuple[str, UniqueKey | None], int] = attrs.field(factory=dict)

    def problems(self, row: int, data: Mapping[str, Any], headers: Mapping[str, str]) -> Iterator[RowProblem]:
        """Yield a problem for each value of a row that an earlier row has; and remember the others.

        Args:
            row: the number of the row.
            data: its plain values.
            headers: the name in the file of each field and attribute.
        """
        for definition in self.definitions.values():
            if not definition.is_unique or (value := value_of(definition, data)) is None:
                continue
            first = self._seen.setdefault((definition.name, unique_key(definition.type, value.value)), row)
            if first != row:
                name = f"{ATTRIBUTE_PREFIX}{definition.name}"
                text = f"Row {first} has the same value, and this attribute is unique."
                yield RowProblem(headers.get(name, name), "unique", text)
