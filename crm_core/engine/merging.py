"""The decision to merge records into one of them: nothing that they have is lost (decisions 148 to 150)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

import attrs

from crm_core.engine import decisions
from crm_core.engine.changes import Changes
from crm_core.engine.decision_runs import Decide
from crm_core.engine.together import Look, Result, Together
from crm_core.engine.validation import catalog_needs, does_not_exist
from crm_core.engine.writing import receipt_of
from crm_core.errors import CrmError, InvalidError, Problems, VersionConflictError, too_many_elements
from crm_core.input.drafts import Draft
from crm_core.model.accounts import Caller
from crm_core.model.entities import ATTRIBUTE_PREFIX, Attribute
from crm_core.model.records import Key, Record, Versions
from crm_core.resources import Resource, referring
from crm_core.rules.attributes import not_defined
from crm_core.rules.needs import Known, Needs, Search, Steps

#: The kinds of fields that are added up; of others one value is kept.
ADDED_UP: Final = frozenset({"items", "texts"})
_NO_VALUE: Final[tuple[object, ...]] = (None, "", (), [])


@attrs.frozen
class Merger:
    """Records that are to become one.

    Attributes:
        resource: their resource.
        winner: the key of the record that stays.
        losers: the keys of the others, in the order in which what the winner lacks is looked for.
        take: whose value the winner gets, by field or ``attributes.<name>``; elsewhere it keeps its own if it has one.
    """

    resource: Resource
    winner: Key
    losers: tuple[Key, ...]
    take: Mapping[str, UUID]

    @property
    def references(self) -> Mapping[Search, str]:
        """Return the searches for what refers to each of the records, with the field that does; the winner's first."""
        pairs = [pair for owned in (True, False) for pair in referring(self.resource, owned=owned)]
        keys = (self.winner, *self.losers)
        return {Search(other.name, ((name, key.id),)): name for other, name in pairs for key in keys}


class Combined(NamedTuple):
    """What a winner gets.

    Attributes:
        values: the values of the fields that are not the winner's own alone.
        taken: whose value it is, by field or ``attributes.<name>``, where it is not the winner's.
    """

    values: Mapping[str, Any]
    taken: Mapping[str, UUID]


def merge(who: Caller, merger: Merger, expected: Versions) -> Steps[Changes]:
    """Decide to merge records: what refers to the losers refers to the winner then, and the losers are deleted.

    The single changes are those of single requests, one after another, with all their rules: references move, losers
    are deleted, and at last the winner takes the values, which may be unique.

    Args:
        who: the caller.
        merger: the records.
        expected: the versions that the winner may have; None for any.

    Raises NotFoundError without the winner, VersionConflictError, InvalidError with every problem.
    """
    resource, keys = merger.resource, (merger.winner, *merger.losers)
    known = yield (
        Needs(records=frozenset(keys), children=frozenset(merger.references), ahead=who.ahead)
        | catalog_needs(resource, who)
    )
    winner = decisions.existing_record(resource, merger.winner, None, known)
    if expected is not None and winner.version not in expected:
        raise VersionConflictError(winner.version)
    _refuse_missing(merger, known)
    defined = known.catalogs[resource.name].definitions
    _refuse_unknown(merger, known, defined)
    combined = combine(resource, [known.value(key) for key in keys], merger.take, defined)
    together = _steps(attrs.evolve(who, idempotency=None), merger, winner, known, combined)

    def answer(results: Sequence[Result], _: Look) -> Key:
        for result in reversed(results):  # the winner's problems are those that the caller can solve
            if isinstance(result, CrmError):
                raise result
        return merger.winner

    return (yield from Together(together, answer, receipt_of(who))())


def _refuse_missing(merger: Merger, known: Known) -> None:
    problems: dict[str, Problems] = {
        str(index): does_not_exist(key) for index, key in enumerate(merger.losers) if known.records[key] is None
    }
    if problems:
        raise InvalidError({"from": problems})


def _refuse_unknown(merger: Merger, known: Known, defined: Mapping[str, Attribute]) -> None:
    """Raise InvalidError for names to take that are neither defined attributes nor have a value in the records."""
    held = {name for key in (merger.winner, *merger.losers) for name in getattr(known.value(key), "attributes", ())}
    asked = {field: field.removeprefix(ATTRIBUTE_PREFIX) for field in merger.take if field.startswith(ATTRIBUTE_PREFIX)}
    problems: dict[str, Problems] = {
        field: (not_defined(name, defined),)
        for field, name in asked.items()
        if name not in defined and name not in held
    }
    if problems:
        raise InvalidError({"take": problems})


def _steps(who: Caller, merger: Merger, winner: Record, known: Known, combined: Combined) -> list[Decide]:
    resource, version = merger.resource, winner.version + 1
    followed = {"resource": resource.name, "record": winner.key.id, "version": version}
    moves = [
        partial(decisions.change, other, who, record.key, pointing(field, winner.key.id), None, None, cause=followed)
        for other, field, record in _moved(merger, known)
    ]
    into = {"merged_into": winner.key.id, **followed}
    deletions = [partial(decisions.delete, resource, who, key, None, None, cause=into) for key in merger.losers]
    cause = {"merged_from": [key.id for key in merger.losers], "taken": combined.taken}
    draft = Draft(combined.values, restored_with=frozenset())
    last = partial(decisions.change, resource, who, winner.key, lambda _: draft, None, None, cause=cause, always=True)
    return [*moves, *deletions, last]


def pointing(field: str, id_: object) -> Any:
    """Return the edit that lets a field refer to a record, which is looked up also where only the server sets it."""
    return lambda _: Draft({field: id_}, restored_with=frozenset())


def _moved(merger: Merger, known: Known) -> Iterator[tuple[Resource, str, Record]]:
    """Yield what refers to a loser and is to refer to the winner, and the field that does.

    What the winner has already once and for all, such as its place in an enrollment, stays and is deleted with the
    loser that it belongs to (``Resource.once``).
    """
    resources = {other.name: other for owned in (True, False) for other, _ in referring(merger.resource, owned=owned)}
    had: set[tuple[object, ...]] = set()
    for search, field in merger.references.items():
        other = resources[search.resource]
        for record in known.children[search]:
            place = (other.name, *(getattr(record.value, name) for name in other.once if name != field))
            if other.once and place in had:
                continue
            had.add(place)
            if search.where[0][1] != merger.winner.id:
                yield other, field, record


def combine(resource: Resource, records: Sequence[Any], take: Mapping[str, UUID], defined: Collection[str]) -> Combined:
    """Return what the first of some records gets from the others.

    Lists are added up. Elsewhere the first record that has a value gives it, unless ``take`` says which one does; a
    field that depends on another one comes from the same record as that (``Resource.depends_on``).

    Args:
        resource: the resource of the records.
        records: the values of the records.
        take: whose value is to be kept, by field or ``attributes.<name>``.
        defined: the names of the attributes that are defined now; no others are taken unless ``take`` says so.

    Raises InvalidError if a list would have too many items.
    """
    chosen = _Choice(resource, records, take)
    values: dict[str, Any] = {}
    problems: dict[str, Problems] = {}
    for name, field in resource.fields.items():
        if field.output_only:
            continue
        if field.kind in ADDED_UP:
            values[name] = united([(each.id, getattr(each, name)) for each in records])
            if len(values[name]) > field.limits["maxItems"]:
                problems[name] = (too_many_elements(field.limits["maxItems"]),)
        elif field.kind == "attributes":
            values[name] = chosen.attributes(defined)
        else:
            values[name] = chosen.field(name)
    if problems:
        raise InvalidError(problems)
    own = {name: getattr(records[0], name) for name in values}
    return Combined({name: value for name, value in values.items() if value != own[name]}, chosen.taken)


class _Choice:
    """Chooses whose values are kept, and notes whose they are."""

    def __init__(self, resource: Resource, records: Sequence[Any], take: Mapping[str, UUID]) -> None:
        self.taken: dict[str, UUID] = {}
        self._resource = resource
        self._records = records
        self._take = take

    def field(self, name: str) -> object:
        """Return the value that is kept of a field."""
        source = self._source(name)
        self._note(name, source)
        return getattr(source, name)

    def attributes(self, defined: Collection[str]) -> Mapping[str, object]:
        """Return the attributes that are kept."""
        asked = [name.removeprefix(ATTRIBUTE_PREFIX) for name in self._take if name.startswith(ATTRIBUTE_PREFIX)]
        own: dict[str, object] = dict(self._records[0].attributes)
        for name in dict.fromkeys([*asked, *(name for each in self._records for name in each.attributes)]):
            if name in asked or (name in defined and own.get(name) in _NO_VALUE):
                source = self._first(f"{ATTRIBUTE_PREFIX}{name}", [each.attributes.get(name) for each in self._records])
                self._note(f"{ATTRIBUTE_PREFIX}{name}", source)
                own[name] = source.attributes.get(name)
        return {name: value for name, value in own.items() if value is not None}

    def _source(self, name: str) -> Any:
        needed = self._resource.depends_on.get(name)
        if needed and name not in self._take and getattr(source := self._source(needed), needed) is not None:
            return source
        return self._first(name, [getattr(each, name) for each in self._records])

    def _first(self, name: str, values: Sequence[object]) -> Any:
        if name in self._take:
            return next(each for each in self._records if each.id == self._take[name])
        pairs = zip(self._records, values, strict=True)
        return next((each for each, value in pairs if value not in _NO_VALUE), self._records[0])

    def _note(self, name: str, source: Any) -> None:
        if source is not self._records[0]:
            self.taken[name] = source.id


def united(lists: Sequence[tuple[UUID, Sequence[Any]]]) -> tuple[Any, ...]:
    """Return the items of lists, each with the id of the record that has it, one after another and each once.

    An item with the id of another one, and other values, gets an id that follows from both (``id_of_moved``).

    >>> united([(UUID(int=1), ["a", "b"]), (UUID(int=2), ["b", "c"])])
    ('a', 'b', 'c')
    """
    items: dict[object, Any] = {}
    for record, own in lists:
        for item in own:
            key = getattr(item, "id", item)
            if key in items and items[key] != item:
                item = attrs.evolve(item, id=id_of_moved(record, item.id))  # noqa: PLW2901  # the item as it is kept
            items.setdefault(getattr(item, "id", item), item)
    return tuple(items.values())


def id_of_moved(record: UUID, item: UUID) -> UUID:
    """Return the id of an item of a loser, if the winner has another item with the item's own."""
    return uuid5(record, str(item))
