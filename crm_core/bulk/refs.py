"""References of operations: to earlier operations, and to the parents in single calls' paths (decision 114)."""

from collections.abc import Mapping
from typing import Final, NoReturn

from crm_core.errors import IS_REQUIRED, InvalidError, Problem, Problems, not_a_choice
from crm_core.input.readers import RefusedError, abbreviated, read_uuid
from crm_core.input.texts import normal
from crm_core.model.entities import ENTITIES
from crm_core.model.records import Key
from crm_core.resources import ATTRIBUTES, RESOURCES, Resource

_NOT_A_REF: Final = Problem("invalid", 'Expected an id, or {"ref": "…"} with the ref of an earlier operation.')
_REF_REPEATED: Final = Problem("unique", "An earlier operation has this ref.")


class Refs:
    """The refs of the operations that were read so far."""

    def __init__(self) -> None:
        self._refs: dict[str, tuple[int, Key | None]] = {}

    def add(self, ref: str, index: int, key: Key | None) -> None:
        """Note the ref of an operation, and the key of its record; None if the operation could not be read."""
        self._refs.setdefault(ref, (index, key))

    def check_new(self, ref: str | None) -> None:
        """Raise InvalidError if an earlier operation has the ref."""
        if ref in self._refs:
            refuse("ref", _REF_REPEATED)

    def resolved(self, resource: Resource, data: object) -> tuple[object, dict[str, int]]:
        """Return the data with ids in place of refs, and the operations that these name, by field.

        Raises InvalidError if a ref is malformed, or names no earlier operation, or a record of another resource.
        """
        if not isinstance(data, Mapping):
            return data, {}
        values, refs = dict(data), dict[str, int]()
        problems: dict[str, Problems] = {}
        for name, to in resource.references.items():
            if not isinstance(value := values.get(name), Mapping):
                continue
            try:
                refs[name], key = self._named(value, to)
                values[name] = str(key.id) if key else None
            except InvalidError as error:
                problems[name] = error.problems["ref"]
        if problems:
            raise InvalidError(problems)
        return values, refs

    def _named(self, value: Mapping[str, object], to: str) -> tuple[int, Key | None]:
        ref = value.get("ref")
        if value.keys() != {"ref"} or not isinstance(ref, str):
            refuse("ref", _NOT_A_REF)
        if (name := normal(ref)) not in self._refs:
            refuse("ref", Problem("unknown", f'No earlier operation has the ref "{abbreviated(ref)}".'))
        index, key = self._refs[name]
        if key is not None and key.resource != to:
            have, want = (RESOURCES[name].label[0] if name in RESOURCES else name for name in (key.resource, to))
            refuse("ref", Problem("incorrect_type", f"Expected the ref of a {want}, but this is of a {have}."))
        return index, key


def parted(resource: Resource, data: object) -> tuple[object, object]:
    """Return the data of a new record, and the value that comes with the path in single calls.

    Raises InvalidError if the resource has such a value and it is missing or malformed.
    """
    name = resource.parent
    if name is None or not isinstance(data, Mapping):
        return data, None
    value = data.get(name)
    if value is None:
        refuse(name, IS_REQUIRED)
    if resource is ATTRIBUTES:
        if value not in ENTITIES:
            refuse(name, not_a_choice(abbreviated(value)))
    else:
        try:
            value = read_uuid(value)
        except RefusedError as error:
            raise InvalidError({name: error.problems}) from None
    return {key: each for key, each in data.items() if key != name}, value


def refuse(name: str, problem: Problem) -> NoReturn:
    """Raise InvalidError with the problem of one member."""
    raise InvalidError({name: (problem,)})
