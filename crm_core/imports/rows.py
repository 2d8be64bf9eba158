"""The rows of a file as operations of a bulk request, whose rules hold for them (decision 95)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import attrs

from crm_core.errors import CrmError, InvalidError, Problem, Problems
from crm_core.imports.mapping import ColumnMapping, Target
from crm_core.imports.options import BY_ID, ImportOptions, options_map
from crm_core.imports.references import Named, by_attribute, not_one, reference_of
from crm_core.imports.runs import RefusedRow, RowProblem
from crm_core.imports.unique_values import Doubles
from crm_core.input.readers import RefusedError
from crm_core.model.plain_values import json_text
from crm_core.tables.formula_guard import guard
from crm_core.tables.read_cells import is_empty, may_lack_zeros, read_cell
from crm_core.tables.rows import Cell, Row, UnreadableCell

_ATTRIBUTES: Final = "attributes"


@attrs.frozen
class ReadRow:
    """A row as far as it could be read.

    Attributes:
        row: the row.
        data: the plain values of its fields.
        names: the fields whose value names a record otherwise than by its id.
        problems: why it is refused.
    """

    row: Row
    data: Mapping[str, Any]
    names: Mapping[str, Named] = attrs.field(factory=dict)
    problems: tuple[RowProblem, ...] = ()


class RowReader:
    """Reads the rows of one file.

    Args:
        mapping: the columns of the file; without columns for a JSONL file.
        options: what was asked for.

    Attributes:
        notes: sentences about the whole file.
    """

    def __init__(self, mapping: ColumnMapping, options: ImportOptions) -> None:
        self.notes: dict[str, None] = dict.fromkeys(mapping.notes)
        self._mapping = mapping
        self._formats = options.formats
        self._clears = options.blank == "clear"
        self._by_id = options.upsert_by == BY_ID
        self._renamed = dict(options_map(options))
        self._ignored = frozenset(options.ignore)

    def read(self, row: Row) -> ReadRow:
        """Return a row as plain values."""
        if row.problem:
            return ReadRow(row, {}, {}, (RowProblem("", "unreadable", row.problem),))
        try:
            data = self._object(row.cells) if isinstance(row.cells, Mapping) else self._values(row.cells)
        except _RowError as error:
            return ReadRow(row, {}, {}, tuple(error.problems))
        names, problems = dict[str, Named](), list[RowProblem]()
        for field, found in self._references(data):
            if isinstance(found, Named):
                names[field] = found
            else:
                problems.append(self._problem(field, found))
        return ReadRow(row, data, names, tuple(problems))

    def _references(self, data: Mapping[str, Any]) -> Iterator[tuple[str, Named | Problem]]:
        for field, to in self._mapping.resource.references.items():
            text = data.get(field)
            if isinstance(text, str) and (found := reference_of(to, text, self._mapping.catalogs)) is not None:
                yield field, found

    def _problem(self, field: str, problem: Problem) -> RowProblem:
        return RowProblem(self._mapping.headers.get(field, field), problem.code, problem.message)

    def operation(
        self, read: ReadRow, ids: Mapping[Named, Sequence[UUID]], holder: UUID | None = None
    ) -> Mapping[str, object] | RefusedRow:
        """Return the operation that a row asks for, or why it is refused.

        Args:
            read: the row.
            ids: the ids of the records that each name or value has.
            holder: the record that has the unique value of the row.
        """
        data, problems = dict(read.data), list(read.problems)
        for field, named in read.names.items():
            found = ids[named]
            if len(found) == 1:
                data[field] = str(found[0])
            else:
                problems.append(self._problem(field, not_one(named, found)))
        if problems:
            return RefusedRow(read.row.number, tuple(problems), cells_of(read.row))
        id_ = data.pop(BY_ID, None) if self._by_id else holder
        if id_ is None:
            return {"op": "create", "data": _without_blanks(data) if self._clears else data}
        if self._mapping.resource.parent:
            data.pop(self._mapping.resource.parent, None)
        return {"op": "merge", "id": id_, "data": data}

    def refused(self, row: Row, error: CrmError) -> RefusedRow:
        """Return a row that a rule refuses."""
        return RefusedRow(row.number, tuple(row_problems(error, self._mapping.headers)), cells_of(row))

    def without_doubles(self, read: ReadRow, doubles: Doubles) -> ReadRow:
        """Return a row, refused if an earlier one has a unique value of it."""
        found = tuple(doubles.problems(read.row.number, read.data, self._mapping.headers))
        return attrs.evolve(read, problems=(*read.problems, *found)) if found else read

    def _object(self, members: Mapping[str, object]) -> dict[str, Any]:
        renamed = {self._renamed.get(name, name): value for name, value in members.items() if name not in self._ignored}
        unread = {name for name in renamed if self._is_set_by_server(name)}
        self.notes |= dict.fromkeys(f"{name} was not read: the server sets this field." for name in sorted(unread))
        if self._by_id and renamed.get(BY_ID) is None:
            renamed.pop(BY_ID, None)
        return {name: value for name, value in renamed.items() if name not in unread}

    def _is_set_by_server(self, name: str) -> bool:
        resource = self._mapping.resource
        field = resource.fields.get(name)
        return field is not None and field.output_only and name not in {BY_ID, resource.parent}

    def _values(self, cells: Sequence[Cell]) -> dict[str, Any]:
        data, problems = dict[str, Any](), list[RowProblem]()
        for target in self._mapping.targets:
            cell = cells[target.index]
            try:
                if not is_empty(target.column, cell):
                    self._note_zeros(target, cell)
                    value = read_cell(target.column, cell, self._formats)
                    _put(data, target, by_attribute(target.by, value) if target.by else value)
                elif self._clears:
                    _put(data, target, None)
            except RefusedError as error:
                problems += [RowProblem(target.header, *_code_and_text(each)) for _, each in _leaves(error.problems)]
        if problems:
            raise _RowError(problems)
        return data

    def _note_zeros(self, target: Target, cell: Cell) -> None:
        if may_lack_zeros(target.column, cell):
            note = f'The column "{target.header}" has numbers where texts belong: zeros at their beginning may be lost.'
            self.notes[note] = None


class _RowError(Exception):
    def __init__(self, problems: Sequence[RowProblem]) -> None:
        super().__init__()
        self.problems = problems


def _without_blanks(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _without_blanks(value) if isinstance(value, Mapping) else value
        for name, value in data.items()
        if value is not None
    }


def cells_of(row: Row) -> tuple[str, ...]:
    """Return a row as the cells of a CSV file: those of its file, or the line of a JSONL file."""
    if isinstance(row.cells, Mapping):
        return (json_text(row.cells),)
    return tuple(map(_cell_text, row.cells))


def _cell_text(cell: Cell) -> str:
    if isinstance(cell, UnreadableCell):
        return ""
    if isinstance(cell, str):
        return guard(cell) if cell else ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell) if isinstance(cell, int | Decimal) else cell.isoformat()


def _put(data: dict[str, Any], target: Target, value: object) -> None:
    if target.column.attribute is None:
        data[target.column.field] = value
    else:
        data.setdefault(target.column.field, {})[target.column.attribute] = value


def row_problems(error: CrmError, headers: Mapping[str, str]) -> Iterable[RowProblem]:
    """Return the problems of an error; ``headers`` are the columns of fields, where a file names them otherwise."""
    if not isinstance(error, InvalidError):
        return [RowProblem(headers.get(BY_ID, ""), "refused", str(error))]
    return [_placed(path, problem, headers) for path, problem in _leaves(error.problems)]


def _placed(path: tuple[str, ...], problem: Problem, headers: Mapping[str, str]) -> RowProblem:
    length = 2 if path[:1] == (_ATTRIBUTES,) else 1
    name, rest = ".".join(path[:length]), ".".join(path[length:])
    code, message = _code_and_text(problem)
    return RowProblem(headers.get(name, name), code, f"{rest}: {message}" if rest else message)


def _code_and_text(problem: Problem) -> tuple[str, str]:
    return problem.code, problem.message


def _leaves(problems: Problems, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Problem]]:
    if isinstance(problems, Mapping):
        for name, inner in problems.items():
            yield from _leaves(inner, (*path, str(name)))
    else:
        yield from ((path, problem) for problem in problems)
