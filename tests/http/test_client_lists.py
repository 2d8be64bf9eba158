"""The typed client's lists, versions, keys and connections, by what it sends: nothing here needs a server."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from crm_core.model.entities import Cohort
from crm_http.client import AsyncClient, Client, NotAuthenticatedError, UnexpectedResponseError, version_of

COHORTS = [
    {"id": f"{number:032x}", "name_cohort": f"c{number}", **dict.fromkeys(("start_date", "end_date", "instructor"))}
    for number in range(7)
]


class Cohorts:
    """Answers with seven cohorts page by page, and knows what it was asked."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        params = request.url.params
        start = int(params.get("cursor", 0))
        end = start + int(params["limit"])
        link = {"Link": f'<https://crm.example/elsewhere/?cursor={end}>; rel="next"'} if end < len(COHORTS) else {}
        return httpx.Response(200, json=COHORTS[start:end], headers=link)

    @property
    def queries(self) -> list[str]:
        return [request.url.query.decode() for request in self.requests]


@pytest.fixture
def cohorts() -> Cohorts:
    return Cohorts()


@pytest.fixture
def crm(cohorts: Cohorts) -> Client:
    return Client("https://crm.example", transport=httpx.MockTransport(cohorts))


def names(listed: Any) -> list[str]:
    return [cohort.name_cohort for cohort in listed]


@pytest.mark.parametrize(
    ("limit", "found", "queries"),
    [
        (None, 7, ["limit=3", "limit=3&cursor=3", "limit=3&cursor=6"]),
        (7, 7, ["limit=3", "limit=3&cursor=3", "limit=3&cursor=6"]),
        (6, 6, ["limit=3", "limit=3&cursor=3"]),
        (4, 4, ["limit=3", "limit=3&cursor=3"]),
        (2, 2, ["limit=2"]),
        (0, 0, []),
    ],
)
def test_limit_is_the_most_in_all_and_no_page_more_is_requested(
    crm: Client, cohorts: Cohorts, limit: int | None, found: int, queries: list[str]
) -> None:
    async def listed() -> list[Cohort]:
        async with AsyncClient("https://crm.example", transport=httpx.MockTransport(cohorts)) as other:
            return [cohort async for cohort in other.cohorts.list(limit=limit, page_size=3)]

    expected = [f"c{number}" for number in range(found)]
    assert names(crm.cohorts.list(limit=limit, page_size=3)) == expected
    assert cohorts.queries == queries
    assert names(asyncio.run(listed())) == expected
    assert cohorts.queries == queries * 2


def test_a_list_can_be_read_again(crm: Client) -> None:
    listing = crm.cohorts.list(page_size=3)

    assert names(itertools.islice(listing, 2)) == ["c0", "c1"]
    assert len(names(listing)) == len(names(listing)) == 7


def test_the_first_is_had_without_the_rest(crm: Client, cohorts: Cohorts) -> None:
    async def first() -> Cohort | None:
        async with AsyncClient("https://crm.example", transport=httpx.MockTransport(cohorts)) as other:
            return await other.cohorts.list(ordering="name_cohort").first()

    assert (found := crm.cohorts.list(ordering="name_cohort").first()) is not None
    assert found.name_cohort == "c0"
    assert asyncio.run(first()) == found
    assert cohorts.queries == ["ordering=name_cohort&limit=1"] * 2
    assert crm.cohorts.list(limit=0).first() is None


def test_a_page_says_where_the_next_one_begins(crm: Client, cohorts: Cohorts) -> None:
    async def second_page() -> tuple[int, str]:
        async with AsyncClient("https://crm.example", transport=httpx.MockTransport(cohorts)) as other:
            page = await other.cohorts.list(page_size=5).page("5")
            return len(page.items), page.next_cursor

    listing = crm.cohorts.list(search="c", page_size=5)
    page = listing.page()
    assert (len(page.items), page.next_cursor) == (5, "5")
    rest = listing.page(page.next_cursor)
    assert (names(rest.items), rest.next_cursor) == (["c5", "c6"], "")
    assert cohorts.queries == ["search=c&limit=5", "search=c&limit=5&cursor=5"]
    assert asyncio.run(second_page()) == (2, "")


@pytest.mark.parametrize(
    "filters",
    [
        {"stage": None},
        {"search": None},
        {"search": ""},
        {"stage": " "},
        {"ordering": None},
        {"name": "\u200b"},
        {"attributes": None},
        {"attributes": {"city": None}},
        {"attributes": {"city__in": []}},
        {"attributes": {"city__in": ["Lyon", None]}},
    ],
)
def test_a_filter_that_the_server_would_ignore_is_refused_when_it_is_given(
    crm: Client, cohorts: Cohorts, filters: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="takes a value to compare with"):
        crm.leads.list(**filters)
    assert cohorts.requests == []


def test_a_limit_below_zero_is_refused(crm: Client) -> None:
    with pytest.raises(ValueError, match="limit"):
        crm.leads.list(limit=-1)


def test_filters_are_sent_as_the_server_reads_them(crm: Client, cohorts: Cohorts) -> None:
    for listing in (
        crm.attributes("lead").list(is_required=False, limit=1),
        crm.clients.list(attributes={"city__in": ["Lyon", "Oslo"], "size__gte": 2.5, "is_big": True}, page_size=7),
    ):
        with pytest.raises(UnexpectedResponseError):  # cohorts are no clients
            listing.page()

    assert [dict(request.url.params) for request in cohorts.requests] == [
        {"is_required": "false", "limit": "1"},
        {"attributes.city__in": "Lyon,Oslo", "attributes.size__gte": "2.5", "attributes.is_big": "true", "limit": "7"},
    ]


class Records:
    """Answers with one cohort in version 3, but for the token."""

    def __init__(self, status: int = 200) -> None:
        self.requests: list[httpx.Request] = []
        self.status = status

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path == "/api-token-auth/":
            return httpx.Response(self.status, json={"token": "fresh"})
        return httpx.Response(200, json=COHORTS[0], headers={"ETag": '"3"'})


def connect(answers: Callable[[httpx.Request], httpx.Response]) -> Client:
    return Client("https://crm.example", token="t", transport=httpx.MockTransport(answers))


def test_if_match_takes_a_version_or_a_record_that_was_retrieved() -> None:
    records = Records()
    crm = connect(records)
    seen = crm.cohorts.retrieve("1")

    crm.cohorts.change("1", name_cohort="x", if_match=seen)
    crm.cohorts.merge("1", name_cohort="x", if_match=3)
    crm.cohorts.delete("1", if_match=version_of(seen))

    assert [request.headers.get("If-Match") for request in records.requests] == [None, '"3"', '"3"', '"3"']
    wrong: Any
    for wrong in ("3", Cohort(id=seen.id, name_cohort="a", start_date=None, end_date=None, instructor=None)):
        with pytest.raises(ValueError, match="if_match takes a version, or a record that was retrieved"):
            crm.cohorts.change("1", name_cohort="x", if_match=wrong)


def test_a_key_of_ones_own_is_sent_in_place_of_a_made_one() -> None:
    records = Records()
    crm = connect(records)

    crm.cohorts.create(name_cohort="a", idempotency_key="row-1")
    crm.cohorts.change("1", name_cohort="a", idempotency_key="row-2")
    crm.cohorts.merge("1", name_cohort="a", idempotency_key="row-3")
    crm.cohorts.create(name_cohort="a")

    *own, made = [request.headers["Idempotency-Key"] for request in records.requests]
    assert own == ["row-1", "row-2", "row-3"]
    assert made not in own
    for wrong in ("", "é"):
        with pytest.raises(ValueError, match="1 to 255 visible ASCII characters"):
            crm.cohorts.create(name_cohort="a", idempotency_key=wrong)


def test_logging_in_and_all_that_follows_takes_the_same_way() -> None:
    records = Records()
    with Client.log_in(
        "https://crm.example",
        "ann",
        "pw",
        timeout=3.0,
        transport=httpx.MockTransport(records),
        headers={"User-Agent": "import/1"},
    ) as crm:
        crm.cohorts.retrieve("1")

    login, read = records.requests
    assert [each.extensions["timeout"]["read"] for each in (login, read)] == [3.0, 3.0]
    assert [each.headers["User-Agent"] for each in (login, read)] == ["import/1", "import/1"]
    assert [each.headers["Prefer"] for each in (login, read)] == ["handling=strict"] * 2
    assert [each.headers.get("Authorization") for each in (login, read)] == [None, "Token fresh"]


def test_logging_in_asynchronously_takes_the_same_way() -> None:
    records = Records()

    async def use() -> None:
        transport = httpx.MockTransport(records)
        async with await AsyncClient.log_in(
            "https://crm.example", "ann", "pw", timeout=3.0, transport=transport, headers={"User-Agent": "import/1"}
        ) as crm:
            await crm.cohorts.retrieve("1")

    asyncio.run(use())
    assert [each.headers["User-Agent"] for each in records.requests] == ["import/1", "import/1"]
    assert records.requests[1].headers["Authorization"] == "Token fresh"


class Closing(httpx.MockTransport):
    """A transport that knows whether it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True


def test_a_refused_login_closes_the_connection() -> None:
    transport = Closing(Records(401))

    with pytest.raises(NotAuthenticatedError):
        Client.log_in("https://crm.example", "ann", "pw", transport=transport)
    assert transport.closed
