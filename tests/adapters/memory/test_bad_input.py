"""Facts about values of wrong types in process: whatever comes into any parameter of any call, it is a problem of it.

It is not left to chance: each of these values comes into each parameter of each call.
"""

import asyncio
import datetime as dt
import enum
import inspect
import io
from collections import UserList, deque
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import pytest

from crm_adapters.image_headers import read_header
from crm_adapters.memory import MemoryDatabase, MemoryFileStore
from crm_core import Actor, CrmError, Lead, Task, UnavailableError, User
from crm_core.embedding import Listing, Runner, Session, SyncCrm
from crm_core.embedding.calls import CallGroup
from crm_core.input.readers import abbreviated
from crm_core.use_cases import Images, Imports, ImportStores
from tests.near_tables import NearTableReader

ME: Final = Actor(user=User(id=1, username="me"), is_superuser=True)
NOBODY: Final = UUID(int=7)


class Colour(enum.Enum):
    RED = "red"


class Word(enum.StrEnum):
    NEW = "New"


class Number(enum.IntEnum):
    ONE = 1


def nested(depth: int) -> object:
    value: object = "x"
    for _ in range(depth):
        value = [value]
    return value


def endless() -> object:
    items: list[object] = []
    items.append({"again": items})
    return items


THINGS: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 1.5, 2**63, 10**400, 10**5_000, -0.0, float("nan"), float("inf"), 1e308,
    Decimal("1.10"), Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1E+999999"), 1j,
    "", " ", "x", "x" * 20_000, "\x00", "\ud800", "now", "1" * 5_000, b"x", bytearray(b"x"), memoryview(b"x"),
    dt.date(2026, 1, 31), dt.date.min, dt.datetime(2026, 1, 31), dt.datetime.max,  # noqa: DTZ001, DTZ901  # without a zone
    dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=14))), dt.time(1), dt.timedelta(1),
    NOBODY, Task(task="a"), Lead(id=NOBODY, name="a"), Lead, Colour.RED, Word.NEW, Number.ONE,
    [], [None], [[]], ["x"], [b"x"], [{}], [object()], nested(40), nested(5_000), endless(), range(2), deque(["x"]),
    UserList(["x"]), (), {1}, frozenset({"x"}), {}, {"x": object()}, {1: 2}, {"\ud800": 1}, {None: {1}},
    {"attributes": {1: 2}}, {"x": {"y": Decimal("NaN")}}, {"size": object()}, {"size__in": [object()]},
    MappingProxyType({"x": 1}), {"op": "create", "data": endless()}, object(), len, ...,
)  # fmt: skip


def session() -> Session[Runner]:
    """A session on a memory with a record of each kind, and with all that calls need."""
    db = MemoryDatabase()
    asyncio.run(db.accounts.add_user("me", "!", is_superuser=True))
    images = Images(files=MemoryFileStore(), read_header=read_header)
    imports = Imports(ImportStores(db, db.imports, NearTableReader()))
    crm = SyncCrm(db, users=db.accounts, feed=db.feed, deliveries=db.outbox, images=images, imports=imports)
    return crm.as_(ME)


def groups(crm: Session[Runner], service: UUID) -> Iterator[tuple[str, CallGroup[Runner]]]:
    """The groups of calls, by what they are called."""
    for name in dir(type(crm)):
        if isinstance(getattr(type(crm), name), property) and isinstance(group := getattr(crm, name), CallGroup):
            yield name, group
    yield "attributes", crm.attributes("lead")
    yield "follow_ups", crm.follow_ups(service)


def calls(group: CallGroup[Runner]) -> Iterator[tuple[str, Callable[..., object]]]:
    for name in dir(group):
        if not name.startswith("_") and hasattr(called := getattr(group, name), "__signature__"):
            yield name, called


#: Fitting values of parameters that have no default.
GIVEN: Final[Mapping[str, Any]] = {
    "number": 1, "others": [NOBODY], "name": "x", "old": "x", "new": "y", "value": "x", "type_": "text", "by": "email",
    "label": "X", "type": "text", "model": "Lead", "url": "https://a.example/", "task": "x", "note": "x",
    "comment": "x", "operations": [], "content": b"x", "cursor": "now", "after": "now", "record": NOBODY,
    "since": "2026-01-01", "name_cohort": "x", "pathway_name": "x", "cohort_request": "x", "task_id": NOBODY,
    "note_id": NOBODY, "delivery_id": NOBODY,
}  # fmt: skip


def made(crm: Session[Runner]) -> dict[str, UUID]:
    """A record of each kind, by the group of its calls."""
    client = crm.clients.create(name="x", list_of_tasks=[{"task": "x"}])
    service = crm.services.create(name="x", client=client.id)
    cohort = crm.cohorts.create(name_cohort="x")
    enrollment = crm.enrollments.create(cohort=cohort.id, pathway_name="x")
    for entity in ("client", "lead", "service", "follow_up"):
        crm.attributes(entity).create(name="email", label="X", type="text", is_unique=True)
    return {
        "clients": client.id,
        "services": service.id,
        "leads": crm.leads.create(name="x").id,
        "pipelines": crm.pipelines.create(name="x", stages=[{"name": "New"}]).id,
        "cohorts": cohort.id,
        "enrollments": enrollment.id,
        "enrollment_details": crm.enrollment_details.create(enrollment=enrollment.id, student=service.id).id,
        "transfer_requests": crm.transfer_requests.create(student=service.id, cohort_request="x").id,
        "webhooks": crm.webhooks.create(name="w", model="Lead", url="https://a.example/").id,
        "attributes": crm.attributes("lead").create(name="size", label="X", type="number").id,
        "follow_ups": crm.follow_ups(service.id).create(comment="x").id,
    }


REFERENCES: Final = {
    "client": "clients", "student": "services", "cohort": "cohorts", "enrollment": "enrollments", "service": "services",
}  # fmt: skip


def called(call: Callable[..., Any], arguments: Mapping[str, Any]) -> object:
    """Make a call, and read the first of what it lists."""
    kinds = inspect.signature(call).parameters
    places = [
        arguments[name] for name, each in kinds.items() if each.kind is each.POSITIONAL_ONLY and name in arguments
    ]
    named = {name: value for name, value in arguments.items() if kinds[name].kind is not kinds[name].POSITIONAL_ONLY}
    result = call(*places, **named)
    return result.first() if isinstance(result, Listing) else result


def others(group: str, name: str) -> Iterator[str]:
    """What other errors than problems come of the values in each parameter of a call."""
    crm = session()
    records = made(crm)
    call = dict(calls(dict(groups(crm, records["services"]))[group]))[name]
    parameters = inspect.signature(call).parameters
    fitting = {
        parameter: fit(group, parameter, records)
        for parameter, each in parameters.items()
        if each.default is each.empty
    }
    filters = set(parameters) - {"to", "format", "bom", "search"} if name == "export" else set()  # as those of lists
    tried = [parameter for parameter in parameters if parameter not in filters]
    for parameter, thing in ((each, thing) for each in tried for thing in (*THINGS, iter("x"))):
        try:
            called(call, {**fitting, parameter: thing})
        except CrmError as error:
            if isinstance(error, UnavailableError):
                yield f"{parameter}={abbreviated(thing):.40}: {error!r:.100}"
        except OSError as error:  # there is no such file
            if parameter != "file":
                yield f"{parameter}={abbreviated(thing):.40}: {error!r:.100}"
        except Exception as error:  # noqa: BLE001  # which is what must not come
            yield f"{parameter}={abbreviated(thing):.40}: {type(error).__name__} {error!s:.100}"


def fit(group: str, parameter: str, records: Mapping[str, UUID]) -> Any:
    """Return a fitting value of a parameter."""
    if parameter == "id_":
        return records.get(group, NOBODY)
    if parameter in REFERENCES:
        return records[REFERENCES[parameter]]
    return io.BytesIO() if parameter in ("to", "file") else GIVEN[parameter]


def _every_call() -> Iterator[tuple[str, str]]:
    """Every call, by its group and name; those that groups inherit from one class once."""
    seen = set()
    for group, its_calls in groups(session(), NOBODY):
        for name, _ in calls(its_calls):
            if (function := getattr(type(its_calls), name)) not in seen:
                seen.add(function)
                yield group, name


@pytest.mark.parametrize("group", sorted({group for group, _ in _every_call()}))
def test_values_of_wrong_types_are_problems(group: str) -> None:
    found = {name: list(others(group, name)) for each, name in _every_call() if each == group}

    assert {name: errors for name, errors in found.items() if errors} == {}
    assert found
