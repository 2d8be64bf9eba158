"""Calendars: whose tasks they show, in which form, to whom, and until when."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from icalendar import Calendar

from crm_http.telemetry.access_log import AccessLog
from tests.http.conftest import Api, on_memory
from tests.http.test_tokens import narrow

SECRET = re.compile(r"http://127\.0\.0\.1(:\d+)?/ical/([\w-]{43})\.ics")


def calendar(api: Api, name: str = "Phone") -> tuple[dict[str, Any], str]:
    """A new calendar as it was shown, and the path of its URL."""
    made = api.make("/api/calendars/", name=name)
    return made, urlsplit(made["url"]).path


def shown(api: Api, path: str, kind: str = "VEVENT") -> list[Any]:
    answer = api.anonymous().get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    return list(Calendar.from_ical(answer.text).walk(kind))


def test_a_calendar_has_a_secret_that_is_shown_once(api: Api) -> None:
    made, _ = calendar(api)
    listed, *_ = api.get("/api/calendars/").json()
    found = SECRET.fullmatch(made["url"])

    assert found
    assert made == {**listed, "secret": found[2], "url": made["url"]}
    assert (listed["name"], listed["prefix"]) == ("Phone", found[2][:8])
    assert list(listed) == ["id", "name", "prefix", "created_at", "last_used_at"]


def test_a_calendar_shows_the_open_tasks_of_its_users_own_as_events_of_whole_days(api: Api) -> None:
    api.people.add("ann", "Sales")
    ann, me = api.as_user("ann"), api.get("/api/me/").json()["id"]
    _, path = calendar(api)
    client = api.make(
        "/api/clients/",
        name="Acme, Ltd",
        list_of_tasks=[
            {"task": "call\nthem; soon", "date": "2999-01-31"},
            {"task": "done", "date": "2999-01-31", "completed": True},
            {"task": "some day"},
            {"task": "long ago", "date": "2001-01-01"},
        ],
    )
    lead = ann.make("/api/leads/", name="Lee", responsible=me, list_of_tasks=[{"task": "ask", "date": "2999-01-01"}])
    ann.make("/api/clients/", name="other", list_of_tasks=[{"task": "hers", "date": "2999-01-01"}])
    events = shown(api, path)

    assert [(str(each["summary"]), str(each["dtstart"].dt), str(each["uid"])) for each in events] == [
        ("ask (Lee)", "2999-01-01", lead["list_of_tasks"][0]["id"]),
        ("call (Acme, Ltd)", "2999-01-31", client["list_of_tasks"][0]["id"]),
    ]
    assert str(events[1]["description"]) == "call\nthem; soon"
    assert b"DTSTART;VALUE=DATE:29990101" in api.anonymous().get(path).content
    todos = shown(api, f"{path}?as=todo", "VTODO")
    assert [str(each["summary"]).split()[0] for each in todos] == ["long", "ask", "call", "some"]
    assert ["due" in each for each in todos] == [True, True, True, False]


def test_a_calendar_that_has_not_changed_is_not_sent_again(api: Api) -> None:
    _, path = calendar(api)
    record = api.make("/api/clients/", name="a", list_of_tasks=[{"task": "t", "date": "2999-01-01"}])
    reader = api.anonymous()
    first = reader.get(path)
    known = {"If-None-Match": first.headers["etag"]}

    assert first.headers["cache-control"] == "private, no-cache"
    assert reader.get(path, headers=known).status_code == 304
    assert reader.get(f"{path}?as=todo", headers=known).status_code == 200
    api.patch(f"/api/clients/{record['id']}/", {"name": "b"})
    again = reader.get(path, headers=known)
    assert (again.status_code, "(b)" in again.text) == (200, True)
    assert reader.get(path).content == again.content


def test_a_calendar_has_the_rights_of_its_user_at_the_time_of_reading(api: Api) -> None:
    api.people.add("ann", "Sales")
    ann = api.as_user("ann")
    _, path = calendar(ann)
    ann.make("/api/clients/", name="a", list_of_tasks=[{"task": "t", "date": "2999-01-01"}])
    assert len(shown(api, path)) == 1

    with api.people.without("Sales", "app.view_client"):
        assert shown(api, path) == []
    assert len(shown(api, path)) == 1
    api.people.disable("ann")
    assert api.anonymous().get(path).status_code == 404


def test_a_revoked_calendar_is_gone_and_others_cannot_revoke_it(api: Api) -> None:
    api.people.add("ann", "Sales")
    made, path = calendar(api)
    place = f"/api/calendars/{made['id']}/"

    assert api.as_user("ann").delete(place).status_code == 404
    assert api.delete(place).status_code == 204
    assert api.delete(place).status_code == 404
    assert made["id"] not in [each["id"] for each in api.get("/api/calendars/").json()]
    gone = api.anonymous().get(path)
    assert (gone.status_code, gone.json()) == (404, {"detail": "Not found."})


def test_a_secret_reads_its_calendar_and_nothing_else(api: Api) -> None:
    made, path = calendar(api)
    reader = api.with_token(made["secret"])

    assert reader.get("/api/clients/").status_code == 401
    assert api.anonymous().post(path, {}).status_code == 405
    for wrong in (path.removesuffix(".ics"), f"{path[:-5]}.ics", "/ical/.ics", "/ical/é.ics"):
        assert api.anonymous().get(wrong).status_code == 404


def test_a_narrow_token_has_no_calendars(api: Api) -> None:
    made, _ = calendar(api)
    reader = narrow(api, "app.view_client")

    assert reader.get("/api/calendars/").status_code == 403
    assert reader.post("/api/calendars/", {}).status_code == 403
    assert reader.delete(f"/api/calendars/{made['id']}/").status_code == 403


def test_a_user_has_a_limited_number_of_calendars(memory_api: Api) -> None:
    for _ in range(100):
        calendar(memory_api)
    refused = memory_api.post("/api/calendars/", {})

    assert refused.status_code == 403
    assert refused.json() == {"detail": "There are 100 calendars already: revoke one first."}


@pytest.mark.parametrize("params", ["as=html", "as=EVENT"])
def test_a_form_that_there_is_not_is_refused(memory_api: Api, params: str) -> None:
    _, path = calendar(memory_api)
    answer = memory_api.anonymous().get(f"{path}?{params}")

    assert (answer.status_code, list(answer.json())) == (400, ["as"])


def test_without_a_writer_there_are_no_calendars() -> None:
    with on_memory(of_app={"calendars": None}) as api:
        assert api.post("/api/calendars/", {}).status_code == 404
        assert api.get("/ical/x.ics").status_code == 404


def test_the_access_log_has_the_user_of_a_calendar_and_not_its_secret() -> None:
    lines: list[str] = []
    log = AccessLog("text", lines.append)
    with on_memory(of_app={"observers": [log]}) as api:
        made, path = calendar(api)
        api.anonymous().get(path)
        api.anonymous().get("/ical/guessed.ics")
        log.flush()
    text = "".join(lines)

    assert "route=/ical/{secret} user=1 status=200" in text
    assert "route=/ical/{secret} user=- status=404" in text
    assert made["secret"][:12] not in text
    assert "guessed" not in text
