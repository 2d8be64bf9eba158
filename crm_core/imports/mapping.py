"""Which column of a file belongs to which field (decision 94)."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

import attrs

from crm_core.errors import InvalidError, Problem
from crm_core.imports.options import BY_ID, ImportOptions, options_map
from crm_core.imports.references import Catalogs, field_and_attribute
from crm_core.model.entities import ATTRIBUTE_PREFIX, Attribute
from crm_core.resources import Resource
from crm_core.rules.attributes import name_by_now, renamed_to
from crm_core.tables.columns import Column, columns_of, kind_of

_NO_CATALOGS: Final[Catalogs] = {}


@attrs.frozen
class Target:
    """The column of a file with the field that it fills.

    Attributes:
        header: its name in the file.
        index: its place.
        column: the column of the resource's tables.
        by: the unique attribute whose values it has, of the records that the field refers to; empty for other columns.
    """

    header: str
    index: int
    column: Column
    by: str = ""


@attrs.frozen
class ColumnMapping:
    """The columns of a file and their fields.

    Attributes:
        resource: the resource of the records.
        targets: the columns that are read.
        definitions: the attributes that are defined for the resource, by name.
        notes: sentences about those that are not.
        catalogs: the attributes of the resources that its records refer to.
    """

    resource: Resource
    targets: tuple[Target, ...]
    definitions: Mapping[str, Attribute]
    notes: tuple[str, ...] = ()
    catalogs: Catalogs = attrs.field(factory=dict)

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """Return the name in the file of each field and attribute."""
        return {target.column.name: target.header for target in self.targets}


def known_headers(resource: Resource, definitions: Mapping[str, Attribute], options: ImportOptions) -> frozenset[str]:
    """Return the names by which a file's delimiter is found: those that would be read or ignored."""
    named = (name for column in columns_of(resource, definitions) for name in _names(column, definitions))
    return frozenset((*named, *options.ignore, *(column for column, _ in options_map(options))))


def map_columns(
    resource: Resource,
    definitions: Mapping[str, Attribute],
    names: Sequence[str],
    options: ImportOptions,
    catalogs: Catalogs = _NO_CATALOGS,
) -> ColumnMapping:
    """Return the fields of a file's columns.

    A column is that of ``map``, else of the field or attribute of its name or label; case and blanks do not matter.
    ``#2`` is the second column, whatever its name. ``client.by:email`` is the field ``client``, whose cells have the
    unique attribute ``email`` of clients.

    Args:
        resource: the resource of the records.
        definitions: the attributes that are defined for it, by name.
        names: the header.
        options: what to map and to ignore.
        catalogs: the attributes of the resources that its records refer to.

    Raises InvalidError with every column that is not known, comes twice, or is missing.
    """
    finder = _Finder(resource, definitions, options, catalogs)
    targets, notes, problems = list[Target](), list[str](), list[Problem]()
    for index, name in enumerate(names):
        found = finder.find(name, index)
        if isinstance(found, Problem):
            problems.append(found)
        elif isinstance(found, str):
            notes.append(found)
        elif found is not None:
            targets.append(Target(_header(names, index), index, *found))
    problems += [*finder.unused(), *_repeated(targets), *_missing(resource, definitions, targets, options)]
    by = options.upsert_by.removeprefix(ATTRIBUTE_PREFIX)
    if by and all(by not in {target.column.name, target.column.attribute} for target in targets):
        problems.append(Problem("required", f"No column is {by}, by which the records are found."))
    if problems:
        raise InvalidError({"file": problems})
    return ColumnMapping(resource, tuple(targets), definitions, tuple(notes), catalogs)


def _header(names: Sequence[str], index: int) -> str:
    """Return the name of a column, with its place if another one has the same."""
    name = names[index].strip()
    is_single = [each.strip() for each in names].count(name) == 1
    return name if is_single else f"{name} ({_place(index)})"


def _place(index: int) -> str:
    return f"#{index + 1}"


class _Finder:
    """Finds the columns of a resource by the names of a file, and remembers which options it used."""

    def __init__(
        self, resource: Resource, definitions: Mapping[str, Attribute], options: ImportOptions, catalogs: Catalogs
    ) -> None:
        columns = columns_of(resource, definitions)
        self._resource = resource
        self._definitions = definitions
        self._options = options
        self._catalogs = catalogs
        self._by_name: dict[str, Column] = {}
        for column in columns:
            for name in _names(column, definitions):
                self._by_name.setdefault(_bare(name), column)
        self._map = {_bare(column): field for column, field in options_map(options)}
        self._ignored = {_bare(name): name for name in options.ignore}
        self._used: set[str] = set()

    def find(self, name: str, index: int) -> tuple[Column, str] | Problem | str | None:
        """Return the column, and the attribute of ``Target.by``.

        Or why there is none; a note if it is passed over; None if it is to be ignored.
        """
        places = (_place(index), _bare(name))
        self._used |= set(places)
        if self._ignored.keys() & set(places):
            return None
        wanted = next((self._map[place] for place in places if place in self._map), name)
        if named := field_and_attribute(wanted):
            return self._by_attribute(*named)
        column = self._by_name.get(_bare(wanted))
        if column is None:
            new = name_by_now(wanted.strip().removeprefix(ATTRIBUTE_PREFIX), self._definitions)
            return Problem("unknown", self._unknown(name, wanted)) if new is None else self._renamed(name, new)
        if column.name == BY_ID:
            is_key = self._options.upsert_by == BY_ID
            return (column, "") if is_key else Problem("output_only", _ID)
        if self._resource.fields[column.field].output_only and column.field != self._resource.parent:
            return f'The column "{name}" was not read: the server sets this field.'
        return column, ""

    def _by_attribute(self, field: str, attribute: str) -> tuple[Column, str] | Problem:
        column = self._by_name.get(_bare(field))
        to = self._resource.references.get(column.field) if column else None
        definition = self._catalogs.get(to or "", {}).get(attribute.removeprefix(ATTRIBUTE_PREFIX))
        if column is None or definition is None or not definition.is_unique:
            text = f'"{field}.by:{attribute}" is no reference of {self._resource.label[1]} by a unique attribute.'
            return Problem("unknown", text)
        return attrs.evolve(column, kind=kind_of(definition)), definition.name

    def unused(self) -> Iterator[Problem]:
        """Yield a problem for each column that the options name and the file has not."""
        names = [*self._options.ignore, *(column for column, _ in options_map(self._options))]
        for name in names:
            if _bare(name) not in self._used:
                yield Problem("unknown", f'The file has no column "{name}".')

    def _renamed(self, name: str, new: str) -> Problem:
        return Problem("renamed", f"{renamed_to(new).message} Map {name}={ATTRIBUTE_PREFIX}{new}, or ignore {name}.")

    def _unknown(self, name: str, wanted: str) -> str:
        place = f'"{wanted}", to which the column "{name}" is mapped,' if wanted != name else f'The column "{name}"'
        return f"{place} is no field of {self._resource.label[1]}: map {name}=FIELD, or ignore {name}."


_ID: Final = (
    'The column "id" would be lost, and each row become a new record: ignore id, or upsert_by id to change the records.'
)


def _bare(name: str) -> str:
    return "".join(name.split()).casefold()


def _names(column: Column, definitions: Mapping[str, Attribute]) -> Iterator[str]:
    yield column.name
    if column.attribute is not None:
        yield column.name.removeprefix(ATTRIBUTE_PREFIX)
        yield definitions[column.attribute].label
    else:
        yield column.name.replace("_", " ")


def _repeated(targets: Sequence[Target]) -> Iterator[Problem]:
    first: dict[str, Target] = {}
    for target in targets:
        other = first.setdefault(target.column.name, target)
        if other is not target:
            both = f'The columns "{other.header}" and "{target.header}" are both {target.column.name}'
            text = f"{both}: ignore one of them, by its place if it has no name of its own, as {_place(target.index)}."
            yield Problem("repeated", text)


def _missing(
    resource: Resource, definitions: Mapping[str, Attribute], targets: Sequence[Target], options: ImportOptions
) -> Iterator[Problem]:
    if options.upsert_by:
        return  # what a record has already need not be in the file
    have = {name for target in targets for name in (target.column.field, target.column.name)}
    needed = [name for name, field in resource.fields.items() if field.required or name == resource.parent]
    needed += [f"{ATTRIBUTE_PREFIX}{name}" for name, each in definitions.items() if each.is_required]
    for name in needed:
        if name not in have:
            yield Problem("required", f"No column is {name}, which every {resource.label[0]} needs: map COLUMN={name}.")
