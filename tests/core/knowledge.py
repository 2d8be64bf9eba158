"""Hand-made knowledge for decisions: a few values, and the loop that a store runs, without a store."""

import itertools
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st

from crm_core.engine import decisions
from crm_core.engine.changes import Changes
from crm_core.engine.decision_runs import Decide, Decision
from crm_core.errors import CrmError, InvalidError, Problems
from crm_core.input.drafts import Edit, read_draft, with_defaults
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Actor, Caller, User
from crm_core.model.entities import Attribute
from crm_core.model.records import Key, Record
from crm_core.resources import RESOURCES, Resource
from crm_core.rules.needs import ACTIVE_USER, Catalog, Known, Needs, Search
from crm_core.rules.uniqueness import duplicates_among, holder_among
from crm_core.webhooks.entity import MODELS, Webhook
from tests.core.codes import code_of

NOW = datetime(2025, 1, 15, 10, tzinfo=UTC)
_USERS = {(kind, id_) for kind in ("user", ACTIVE_USER) for id_ in (1, 2)}
ANN = User(id=1, username="ann", first_name="Ann", last_name="Lee")
BOB = User(id=2, username="bob")

#: What clients may send, and worse: U+0000, lone surrogates, numbers that are none or too large, anything nested.
JSON_LIKE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, 10**309, -(10**400)])
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=40)
    | st.sampled_from(["2025-01-15", "0001-01-01T00:00+23:59", "9" * 1_000, str(UUID(int=1)), "#123456", "true", ""]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


#: What Python's own conversions choke on: deeper than its stack once it is walked, longer than it prints.
HOSTILE = [pytest.param(10**5_000, id="5001 digits"), pytest.param(nested(700), id="700 deep")]


def uid(number: int) -> UUID:
    return UUID(int=number)


def context(*, strict: bool = False) -> ReadContext:
    """New ids are 1001, 1002 and so on."""
    return ReadContext(partial(next, map(uid, itertools.count(1001))), strict)


def calling(user: User = ANN) -> Caller:
    return Caller(actor=Actor(user=user, is_superuser=True), now=NOW, new_id=context().new_id, request_id="r-1")


def made(entity: type, number: int, /, **values: object) -> Any:
    """A value of an entity with the id of that number; what is not given is as in a new record."""
    return entity(**with_defaults(entity, {"id": uid(number), **values}))


def texts(problems: Problems) -> Any:
    """Problems as clients read them, nested as they are; each has the code of its text."""
    if isinstance(problems, Mapping):
        return {name: texts(inner) for name, inner in problems.items()}
    for problem in problems:
        assert problem.code == code_of(problem.message), problem
    return [problem.message for problem in problems]


def refused(call: Callable[..., object], *args: object, **options: object) -> Any:
    """The texts of the problems for which a call is refused."""
    with pytest.raises(InvalidError) as caught:
        call(*args, **options)
    return texts(caught.value.problems)


class Knowledge:
    """Answers decisions about the given values; definitions among them make the catalogs. Stores nothing."""

    def __init__(self, *values: Any) -> None:
        names = {resource.entity: resource.name for resource in RESOURCES.values()}
        keys = [Key(names[type(value)], value.id) for value in values]
        self.records = {key: Record(key, 3, value) for key, value in zip(keys, values, strict=True)}

        # The ids of the stages that leads are in, by lead, where it is not the one of that name.
        self.stage_ids: dict[UUID, UUID] = {}

    def create(self, resource: Resource, data: object, *, parent: object = None, who: Caller | None = None) -> Changes:
        draft = read_draft(resource.entity, data, context(), require_all=True)
        key = Key(resource.name, uid(1000))
        return self.run(partial(decisions.create, resource, who or calling(), key, draft, parent))

    def patch(self, resource: Resource, number: int, data: object, *, merge: bool = False) -> Changes:
        draft = read_draft(resource.entity, data, context(), require_all=False, merge=merge)
        return self.apply(resource, number, lambda _: draft)

    def apply(self, resource: Resource, number: int, edit: Edit, *, parent: object = None) -> Changes:
        key = Key(resource.name, uid(number))
        return self.run(partial(decisions.change, resource, calling(BOB), key, edit, parent, None))

    def remove(self, resource: Resource, number: int, *, parent: object = None) -> Changes:
        key = Key(resource.name, uid(number))
        return self.run(partial(decisions.delete, resource, calling(BOB), key, parent, None))

    def run(self, decide: Decide) -> Changes:
        """Return what a decision changes; it runs twice, step by step, and both runs are the same: it is pure."""
        runs = Decision(decide), Decision(decide)
        for _ in range(9):
            one, other = (run.needs for run in runs)
            assert one == other
            if not one:
                assert runs[0].changes == runs[1].changes
                return runs[0].changes
            known = self.answer(one)
            self._send_to_both(runs, known)
        raise AssertionError("the decision never has enough")

    def _send_to_both(self, runs: tuple[Decision, Decision], known: Known) -> None:
        try:
            runs[0].send(known)
        except CrmError as error:
            with pytest.raises(type(error), match=f"^{re.escape(str(error))}$"):
                runs[1].send(known)
            raise
        runs[1].send(known)

    def answer(self, needs: Needs) -> Known:
        return Known(
            records={key: self.records.get(key) for key in needs.records},
            references={key: key in self.records or key in _USERS for key in needs.references},
            children={search: self._find(search) for search in needs.children},
            counts={search: len(self._find(search)) for search in needs.counts},
            catalogs={name: Catalog(1, self._definitions(name), self._webhooks(name)) for name in needs.catalogs},
            holders={each: holder_among(each, self._values(each.attribute.entity)) for each in needs.holders},
            duplicates={each: duplicates_among(each, self._values(each.entity)) for each in needs.duplicates},
        )

    def _values(self, resource: str) -> list[Any]:
        return [record.value for key, record in self.records.items() if key.resource == resource]

    def _find(self, search: Search) -> tuple[Record, ...]:
        def suits(record: Record) -> bool:
            pairs = ((self._field(record.value, name), wanted) for name, wanted in search.where)
            enough = any if search.any_field else all
            return enough(found in wanted if isinstance(wanted, tuple) else found == wanted for found, wanted in pairs)

        return tuple(each for each in self.records.values() if each.key.resource == search.resource and suits(each))

    def _field(self, value: Any, name: str) -> object:
        """A field; or the id of a lead's stage, which is kept beside it: the one of that name, unless told."""
        if name != "stage_id":
            return getattr(value, name)
        pipeline = self.records.get(Key("pipeline", value.pipeline))
        ids = {stage.name: stage.id for stage in pipeline.value.stages} if pipeline else {}
        return self.stage_ids.get(value.id, ids.get(value.stage))

    def _definitions(self, entity: str) -> Mapping[str, Attribute]:
        values = [record.value for record in self.records.values()]
        return {each.name: each for each in values if isinstance(each, Attribute) and each.entity == entity}

    def _webhooks(self, entity: str) -> tuple[Webhook, ...]:
        values = [record.value for record in self.records.values()]
        return tuple(each for each in values if isinstance(each, Webhook) and MODELS[each.model][0] == entity)


def written(changes: Changes) -> dict[Any, Any]:
    """What a decision writes, by key."""
    return {write.key: write for write in changes.writes}


def answered(changes: Changes) -> Any:
    """The record that a decision answers with, as it is written."""
    assert changes.answer in written(changes), "nothing is written"
    return written(changes)[changes.answer].value
