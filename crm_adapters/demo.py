"""Makes demo data: the records of a fictional training company. The same seed gives the same records."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from random import Random
from typing import Any, Final, TypeAlias
from uuid import UUID

import attrs

from crm_core.model.accounts import User
from crm_core.model.entities import Client, FollowUp, Lead, Note, Service, Task

#: A record with its author; the record has a ``created_at``.
Made: TypeAlias = tuple[User, Any]

#: Clients are created in this year, students and leads in the next.
_FOUNDED: Final = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
_YEAR: Final = dt.timedelta(days=365)

_LOOKS: Final = ("Alpine", "Baltic", "Coastal", "Delta", "Evergreen", "Fjord", "Golden", "Harbour", "Iron", "Juniper")
_TRADES: Final = (
    "Logistics",
    "Robotics",
    "Bakery",
    "Clinic",
    "Energy",
    "Media",
    "Foods",
    "Textiles",
    "Software",
    "Bank",
)
_FORMS: Final = ("Ltd", "Inc", "GmbH", "SA", "AB")
_FIRST_NAMES: Final = ("Ana", "Björn", "Chloé", "Dmitri", "Elif", "Farid", "Grace", "Hiroshi", "Inés", "Jonas", "Łucja")
_LAST_NAMES: Final = ("Andersson", "Brown", "Costa", "Demir", "Evans", "Fischer", "García", "Haddad", "Ito", "Jansen")
_CITIES: Final = ("Berlin", "Lagos", "Lima", "Lisbon", "Madrid", "Oslo", "Porto", "Quito", "Riga", "Seoul")
_SOURCES: Final = ("Fair", "Referral", "Search", "Newsletter", "Phone")
_TOPICS: Final = ("Data Science", "Python", "SQL", "Web Design", "Accounting", "Spanish")

#: The stages of the pipeline, and how many leads of a hundred are in each.
STAGES: Final[Mapping[str, int]] = {"New": 50, "Contacted": 25, "Negotiation": 10, "Won": 10, "Lost": 5}
_COLORS: Final = ("#6c6f73", "#007bff", "#ffc107", "#28a745", "#dc3545")
PIPELINE: Final[Mapping[str, object]] = {
    "name": "Sales",
    "description": "From the first call to the contract.",
    "stages": [
        {"name": name, "color": color, "order": i} for i, (name, color) in enumerate(zip(STAGES, _COLORS, strict=True))
    ],
}

#: The attributes that the records have, by entity.
DEFINITIONS: Final[Mapping[str, Sequence[Mapping[str, object]]]] = {
    "client": (
        {"name": "city", "label": "City", "type": "text", "list_values": list(_CITIES)},
        {"name": "employees", "label": "Employees", "type": "number", "is_indexed": True},
    ),
    "service": ({"name": "topics", "label": "Topics", "type": "list", "list_values": list(_TOPICS)},),
    "lead": (
        {"name": "source", "label": "Source", "type": "text", "list_values": list(_SOURCES)},
        {"name": "budget", "label": "Budget", "type": "number", "is_indexed": True},
    ),
}


@attrs.frozen(kw_only=True, slots=False)
class Company:
    """A fictional company with its records.

    Attributes:
        clients: how many clients; there is one student for every five.
        leads: how many leads.
        seed: each seed gives other records.
        users: the authors of the records, who are also responsible for leads; at least one.
    """

    clients: int
    leads: int
    seed: int
    users: Sequence[User]

    @property
    def counts(self) -> Mapping[str, int]:
        """Return how many records of each resource there are."""
        services = self.clients // 5
        return {"client": self.clients, "service": services, "follow_up": services // 5, "lead": self.leads}

    def records(self, pipeline: UUID) -> Iterator[tuple[str, Iterator[Made]]]:
        """Yield all records with their authors by resource; referenced resources come first."""
        yield "client", self._clients()
        yield "service", self._services()
        yield "follow_up", self._follow_ups()
        yield "lead", self._leads(pipeline)

    def identity(self, resource: str, number: int) -> UUID:
        """Return the UUIDv7 of a record; ids ascend with the number."""
        digest = blake2b(f"{self.seed} {resource} {number}".encode(), digest_size=10).digest()
        random = int.from_bytes(digest) & ~(0xF << 76 | 0b11 << 62)
        milliseconds = int(self._moment(resource, number).timestamp() * 1_000)
        return UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62 | random)

    def _moment(self, resource: str, number: int) -> dt.datetime:
        began = _FOUNDED if resource == "client" else _FOUNDED + _YEAR
        return began + dt.timedelta(milliseconds=self._steps[resource] * number)

    @cached_property
    def _steps(self) -> Mapping[str, int]:
        return {name: int(_YEAR.total_seconds() * 1_000) // max(count, 1) for name, count in self.counts.items()}

    def _clients(self) -> Iterator[Made]:
        chance = self._chance("client")
        for number in range(self.clients):
            author, at = chance.choice(self.users), self._moment("client", number)
            yield (
                author,
                Client(
                    id=self.identity("client", number),
                    name=f"{chance.choice(_LOOKS)} {chance.choice(_TRADES)} {number} {chance.choice(_FORMS)}",
                    attributes={"city": chance.choice(_CITIES), "employees": int(chance.lognormvariate(4, 1.5)) + 1},
                    list_of_tasks=(),
                    list_of_notes=self._notes("client", number, author, at),
                    list_of_images=(),
                    created_at=at,
                    created_by=author.id,
                    updated_at=at,
                    updated_by=author.id,
                ),
            )

    def _services(self) -> Iterator[Made]:
        chance = self._chance("service")
        for number in range(self.counts["service"]):
            # A tenth of the students are from the first client, the only large one.
            client = 0 if chance.random() < 0.1 else chance.randrange(self.clients)  # noqa: PLR2004
            service = Service(
                id=self.identity("service", number),
                name=_person(chance),
                client=self.identity("client", client),
                actual_cohort=None,
                origin_cohort=None,
                attributes={"topics": sorted(chance.sample(_TOPICS, 2))},
                list_of_tasks=(),
                list_of_notes=(),
                list_of_images=(),
                created_at=(at := self._moment("service", number)),
                updated_at=at,
                updated_by=(author := chance.choice(self.users)).id,
            )
            yield author, service

    def _follow_ups(self) -> Iterator[Made]:
        chance = self._chance("follow_up")
        for number in range(self.counts["follow_up"]):
            at = self._moment("follow_up", number)
            follow_up = FollowUp(
                id=self.identity("follow_up", number),
                service=self.identity("service", number * 5),
                attributes={},
                follow_up_date=at,
                comment=f"Spoke about {chance.choice(_TOPICS)}.",
                created_at=at,
                updated_at=at,
                updated_by=(author := chance.choice(self.users)).id,
            )
            yield author, follow_up

    def _leads(self, pipeline: UUID) -> Iterator[Made]:
        chance = self._chance("lead")
        names, weights = tuple(STAGES), tuple(STAGES.values())
        for number, stage in enumerate(chance.choices(names, weights, k=self.leads)):
            author, at = chance.choice(self.users), self._moment("lead", number)
            is_known = self.clients and chance.random() < 0.1  # noqa: PLR2004
            lead = Lead(
                id=self.identity("lead", number),
                name=_person(chance),
                responsible=author.id,
                pipeline=pipeline,
                possible_client=self.identity("client", chance.randrange(self.clients)) if is_known else None,
                moodle_course_id=None,
                stage=stage,
                attributes={"source": chance.choice(_SOURCES), "budget": chance.randrange(1, 200) * 50},
                list_of_tasks=self._tasks("lead", number, author, at),
                list_of_notes=(),
                created_at=at,
                updated_at=at,
                updated_by=author.id,
            )
            yield author, lead

    def _chance(self, resource: str) -> Random:
        return Random(f"{self.seed} {resource}")  # noqa: S311 - it must be reproducible

    def _tasks(self, resource: str, number: int, author: User, at: dt.datetime) -> tuple[Task, ...]:
        if number % 10:
            return ()
        due, id_ = (at + dt.timedelta(days=7)).date(), self.identity(resource, -number - 1)
        who: dict[str, Any] = {"user_id": author.id, "user_name": author.name}
        return (Task(id=id_, task="Call back", date=due, completed=number % 20 == 0, date_created=at, **who),)

    def _notes(self, resource: str, number: int, author: User, at: dt.datetime) -> tuple[Note, ...]:
        if number % 10:
            return ()
        id_, day = self.identity(resource, -number - 1), at.date().isoformat()
        return (Note(id=id_, date=day, note="Met at the fair.", user_id=author.id, user_name=author.name),)


def _person(chance: Random) -> str:
    return f"{chance.choice(_FIRST_NAMES)} {chance.choice(_LAST_NAMES)}"
