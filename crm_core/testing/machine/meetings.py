"""Steps at once, again, and without permission."""

from collections.abc import Mapping
from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from crm_core.errors import PermissionDeniedError
from crm_core.model.accounts import Idempotency
from crm_core.model.permissions import ACTIONS, PERMISSIONS
from crm_core.model.records import Key
from crm_core.testing.machine.acts import DrawnActs
from crm_core.testing.pairs import Operation
from crm_core.testing.readings import answer_of, look_at
from crm_core.use_cases import records


class MeetingSteps(DrawnActs):
    """Runs operations concurrently, twice, and without their permission."""

    @precondition(lambda self: self._has_plenty())
    @rule(data=st.data())
    def meet(self, data: st.DataObject) -> None:
        """Run two operations concurrently, on one record or on records that refer to it."""
        resource, id_ = self._any_record(data)
        acts = [self._any_act(data, resource, id_) for _ in range(2)]
        keys = [Key(act.resource.name, act.id) for act in acts if act.id]
        words = "; and ".join(act.words for act in acts)
        outcomes = self._pair.at_once(words, [act.do for act in acts], partial(look_at, keys=keys))
        for act, outcome in zip(acts, outcomes, strict=True):
            self._note(act, outcome)

    @precondition(lambda self: any(self._ids.values()))
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """Repeat a request with its idempotency key after another change; the answer must be the same."""
        resource, id_ = self._any_record(data)
        act = self._any_act(data, resource, id_, deletes=False)
        idempotency = Idempotency(f"key {(number := self._pair.number())}", b"asked")
        act = act._replace(words=f"{act.words}, with an idempotency key")
        first = self._perform(act, number, idempotency)
        self._perform(self._change(data, resource, id_))
        again = self._perform(act, number, idempotency)
        if (answer := answer_of(first)) is not None:
            assert answer_of(again) == answer._replace(is_replayed=True)

    @precondition(lambda self: any(self._ids.values()))
    @rule(data=st.data(), action=st.sampled_from(ACTIONS))
    def trespass(self, data: st.DataObject, action: str) -> None:
        """Run an operation without its permission, which must be refused."""
        resource, id_ = self._any_record(data)
        doing: Mapping[str, Operation] = {
            "view": lambda db, who: records.get(db, who, resource, id_),
            "add": lambda db, who: records.create(db, who, resource, {}),
            "change": lambda db, who: records.patch(db, who, resource, id_, {}),
            "delete": lambda db, who: records.delete(db, who, resource, id_),
        }
        words = f"{action} {resource.name} without the permission"
        outcome = self._pair.both(words, doing[action], permissions=PERMISSIONS - {resource.permission(action)})
        assert isinstance(outcome, tuple)
        assert outcome[0] is PermissionDeniedError
