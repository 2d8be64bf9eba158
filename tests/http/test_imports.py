"""Imports over HTTP: a file is sent, a runner makes records of it, and its user follows that."""

import asyncio
import csv
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from crm_adapters.memory import MemoryAccounts, MemoryDatabase
from crm_core.imports.runs import ImportRun
from crm_core.use_cases.import_runner import ImportRunner
from crm_core.use_cases.import_stores import ImportStores
from tests.http.conftest import Api, on_memory
from tests.near_tables import NearTableReader

MAX_BYTES = 100_000
UNKNOWN = "0199c1a2-5b1f-7c3d-8e21-1f0a5c9d7b42"


class Importer:
    """Sends files to an app on memory, and carries their imports out."""

    def __init__(self, api: Api, runner: ImportRunner) -> None:
        self.api = api
        self._runner = runner

    def send(
        self,
        content: str | bytes,
        name: str = "a.csv",
        resource: str = "clients",
        api: Api | None = None,
        **options: Any,
    ) -> httpx.Response:
        body = content.encode() if isinstance(content, str) else content
        files = {"file": (name, body)}
        return (api or self.api).request("POST", f"/api/{resource}/import/", files=files, data=options)

    def begin(self, content: str | bytes, name: str = "a.csv", **options: Any) -> str:
        """Send a file that must be taken; return the path of its import."""
        answer = self.send(content, name, **options)
        assert answer.status_code == 202, answer.text
        location: str = answer.headers["Location"]
        assert location == f"/api/imports/{answer.json()['id']}/"
        return location

    def carry_out(self) -> ImportRun | None:
        """Do what a server does in the background."""
        return asyncio.run(self._runner.run_next())

    def load(self, content: str | bytes, name: str = "a.csv", **options: Any) -> dict[str, Any]:
        """Send a file and have it imported; return what its import shows then."""
        place = self.begin(content, name, **options)
        assert self.carry_out()
        shown: dict[str, Any] = self.api.get(place).json()
        return shown

    def errors(self, place: str) -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.api.get(f"{place}errors/").text, newline="")))

    def names(self) -> list[str]:
        return sorted(record["name"] for record in self.api.get("/api/clients/").json())


@pytest.fixture
def importer() -> Iterator[Importer]:
    made: list[MemoryDatabase] = []

    def database(accounts: MemoryAccounts) -> MemoryDatabase:
        made.append(MemoryDatabase(accounts))
        return made[0]

    with on_memory(database, max_import_bytes=MAX_BYTES) as api:
        stores = ImportStores(made[0], made[0].imports, NearTableReader())
        yield Importer(api, ImportRunner(stores, made[0].accounts))


def test_a_file_becomes_records_and_its_import_shows_what_it_came_to(importer: Importer) -> None:
    place = importer.begin("Company;x\nAnn;1\n'=Bob;2\n", map="Company=name", ignore="x")
    begun = importer.api.get(place).json()
    assert (begun["state"], begun["rows"], begun["total"], begun["ended_at"]) == ("checking", 0, None, None)
    assert (begun["resource"], begun["file"], begun["created_by"]) == ("client", "a.csv", 1)

    importer.carry_out()

    ended = importer.api.get(place).json()
    counts = [ended[name] for name in ("state", "created", "updated", "unchanged", "refused", "rows", "total", "row")]
    assert counts == ["done", 2, 0, 0, 0, 2, 2, 3]
    assert ended["ended_at"] == ended["updated_at"] >= ended["created_at"]
    assert ended["options"]["map"] == ["Company=name"]
    assert importer.names() == ["=Bob", "Ann"]
    record = importer.api.get("/api/clients/").json()[0]
    [entry] = importer.api.get(f"/api/clients/{record['id']}/history/").json()
    assert (entry["request_id"], entry["actor_name"]) == (f"import {ended['id']}", "admin")


def test_what_is_refused_is_summed_up_by_column_and_comes_back_as_a_file_to_correct(importer: Importer) -> None:
    place = importer.begin(f"name,note\nAnn,a\n{'x' * 300},b\n{'y' * 300},=c\n", ignore="note")
    importer.carry_out()

    ended = importer.api.get(place).json()
    assert (ended["state"], ended["created"], ended["refused"], importer.names()) == ("refused", 1, 2, [])
    [problem] = ended["problems"]
    assert (problem["column"], problem["code"], problem["count"]) == ("name", "max_length", 2)
    assert [each["row"] for each in problem["examples"]] == [3, 4]
    header, *rows = importer.errors(place)
    assert header == ["row", "column", "message", "name", "note"]
    assert [(row[0], row[1], row[4]) for row in rows] == [("3", "name", "b"), ("4", "name", "'=c")]

    corrected = importer.api.get(f"{place}errors/").text.replace("x" * 300, "Xi").replace("y" * 300, "Yo")
    again = importer.load(corrected, ignore=["row", "column", "message", "note"])
    assert (again["state"], importer.names()) == ("done", ["Xi", "Yo"])


@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_dry_run_is_refused_and_nothing_is_imported_or_undone(blank: str, importer: Importer) -> None:
    refused = 400, {"dry_run": ["Must be a valid boolean."]}
    sent = importer.send("name\nAnn\n", dry_run=blank)
    assert (sent.status_code, sent.json()) == refused
    place = importer.begin("name\nBob\n")
    undone = importer.api.post(f"{place}undo/", params={"dry_run": blank})
    assert (undone.status_code, undone.json()) == refused


def test_a_dry_run_and_a_refused_run_are_not_the_same_file(importer: Importer) -> None:
    assert importer.load("name\nAnn\n", dry_run="true")["created"] == 1
    assert importer.names() == []
    first = importer.load("name\nAnn\n")

    refused = importer.send("name\nAnn\n", "b.csv")
    assert refused.status_code == 409
    assert refused.json()["run"] == first["id"]
    assert first["id"] in refused.json()["detail"]
    assert importer.load("name\nAnn\n", map="name=name")["created"] == 1
    assert importer.load("name\nAnn\n", again="1")["created"] == 1


def test_rows_change_records_by_a_unique_attribute_with_or_without_its_prefix(importer: Importer) -> None:
    api = importer.api
    api.make("/api/attributes/client/", name="email", label="E-mail", type="text", is_unique=True)
    api.make("/api/clients/", name="Ann", attributes={"email": "a@x"})
    same = importer.load("name,Mail\nAnn,A@x\n", map="Mail=attributes.email", upsert_by="attributes.email")
    assert (same["created"], same["updated"], same["unchanged"]) == (0, 1, 0)
    changed = importer.load("name,Mail\nAnne,A@x\nBob,b@x\n", map="Mail=email", upsert_by="email")
    assert (changed["created"], changed["updated"]) == (1, 1)
    assert importer.load("name,email\nAnne,A@x\n", upsert_by="email")["unchanged"] == 1


def test_jsonl_and_a_stated_format_are_read(importer: Importer) -> None:
    assert importer.load('{"name": "Ann"}\n', "a.JSONL")["created"] == 1
    assert importer.load("name\nBob\n", "export.txt", format="csv")["created"] == 1
    assert importer.names() == ["Ann", "Bob"]


@pytest.mark.parametrize(
    ("content", "name", "options", "status", "says"),
    [
        ("name\nAnn\n", "a", {}, 400, "The name of the file does not tell its format. Send one of csv, xlsx, jsonl."),
        ("", "a.csv", {}, 400, "The file is empty."),
        ("name\nAnn\n", "a.csv", {"uppsert_by": "id"}, 400, "uppsert_by"),
        ("name\nAnn\n", "a.csv", {"upsert_by": "email"}, 400, "neither id nor a unique attribute"),
        ("name\nAnn\n", "a.csv", {"lenient": "1", "atomic": "1"}, 400, "cannot be lenient"),
        ("name\nAnn\n", "a.csv", {"blank": "maybe"}, 400, "is not a valid choice"),
        ("name\nAnn\n", "a.csv", {"sheet": "Two"}, 400, '"sheet":["It means nothing in the format csv'),
        ("x\nAnn\n", "a.csv", {}, 400, 'The column \\"x\\" is no field of clients'),
        (b"name\nAndr\xe9\n", "a.csv", {}, 400, "The file is not UTF-8"),
        (b"PK\x03\x04", "a.xlsx", {}, 400, "file"),
        ("x" * (MAX_BYTES + 1), "a.csv", {}, 413, "The file is too large: at most 100,000 bytes are taken."),
        ("x" * (MAX_BYTES + 3_000_000), "a.csv", {}, 413, ""),
        ("name\nAnn\n", "a.csv", {"sheet": "x" * 1_000_001}, 400, "The fields of the form are too long."),
    ],
)
def test_what_cannot_begin_is_refused_at_once(
    importer: Importer, content: str | bytes, name: str, options: dict[str, Any], status: int, says: str
) -> None:
    answer = importer.send(content, name, **options)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text
    assert importer.carry_out() is None


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ([("x", ("a.csv", b"name\n"))], "No file was submitted."),
        ([("file", (None, b"name\n"))], "The submitted data was not a file."),
        ([("file", ("a.csv", b"name\na\n")), ("file", ("b.csv", b"name\nb\n"))], "Only one file can be submitted."),
        ([("map", (None, b"\xff")), ("file", ("a.csv", b"name\na\n"))], "A field is not UTF-8."),
    ],
)
def test_a_form_has_one_file(importer: Importer, files: Any, says: str) -> None:
    answer = importer.api.request("POST", "/api/clients/import/", files=files)
    assert (answer.status_code, says in answer.text) == (400, True), answer.text


def test_a_file_that_turns_out_to_be_unreadable_ends_its_import_with_the_row(importer: Importer) -> None:
    ended = importer.load(b"name\nAnn\n" + b"\n" * 80_000 + b"Andr\xe9\n")
    assert (ended["state"], importer.names()) == ("refused", [])
    [problem] = ended["problems"]
    assert "The file is not UTF-8" in problem["examples"][0]["message"]
    assert "Andr\u00e9" in problem["examples"][0]["message"]


def test_a_cancelled_import_writes_nothing_more_and_a_finished_one_cannot_be_cancelled(importer: Importer) -> None:
    place = importer.begin("name\nAnn\n")
    assert [importer.api.delete(place).status_code for _ in range(2)] == [204, 204]
    assert importer.carry_out() is None
    assert (importer.api.get(place).json()["state"], importer.names()) == ("cancelled", [])

    done = importer.load("name\nAnn\n")
    refused = importer.api.delete(f"/api/imports/{done['id']}/")
    assert (refused.status_code, refused.json()) == (409, {"detail": "This import is finished: it is done."})
    assert importer.api.delete(f"/api/imports/{UNKNOWN}/").status_code == 404


def test_an_import_is_seen_by_its_user_and_by_superusers_alone(importer: Importer) -> None:
    api = importer.api
    api.people.grant("Importers", "app.add_client", "app.view_client")
    for name in ("ann", "bob"):
        api.people.add(name, "Importers")
    ann, bob = api.as_user("ann"), api.as_user("bob")
    place = importer.send("name\nAnn\n", api=ann).headers["Location"]
    importer.carry_out()

    for method, path in (("GET", place), ("GET", f"{place}errors/"), ("DELETE", place)):
        assert bob.request(method, path).status_code == 404
    assert bob.get("/api/imports/").json() == []
    for other in (ann, api):
        assert [each["state"] for each in other.get("/api/imports/").json()] == ["done"]
        assert other.get(f"{place}errors/").status_code == 200
    assert importer.send("name\nAnn\n", api=ann, upsert_by="id").status_code == 403
    narrow = api.post(
        "/api-token-auth/", {"username": "ann", "password": "an-admin-password", "permissions": ["app.view_lead"]}
    ).json()
    assert api.with_token(narrow["token"]).get(place).status_code == 404


def test_a_right_that_is_revoked_ends_an_import_with_that_reason(importer: Importer) -> None:
    importer.api.people.grant("Importers", "app.add_client", "app.view_client")
    importer.api.people.add("ann", "Importers")
    ann = importer.api.as_user("ann")
    place = importer.send("name\nAnn\n", api=ann).headers["Location"]
    with importer.api.people.without("Importers", "app.add_client"):
        importer.carry_out()

    ended = ann.get(place).json()
    assert (ended["state"], importer.names()) == ("refused", [])
    assert ended["problems"][0]["examples"][0]["message"] == "The user who began this import may not do it any longer."


def test_an_import_is_undone_by_an_import_of_its_own(importer: Importer) -> None:
    place = importer.begin("name\nAnn\nBob\n")
    importer.carry_out()
    [_, ann] = importer.api.get("/api/clients/").json()
    importer.api.patch(f"/api/clients/{ann['id']}/", {"name": "Anne"})

    dry = importer.api.post(f"{place}undo/", params={"dry_run": "1"})
    assert (dry.status_code, dry.json()["options"]["dry_run"]) == (202, True)
    importer.carry_out()
    shown = importer.api.get(dry.headers["Location"]).json()
    assert (shown["state"], shown["reversed"], shown["kept"], importer.names()) == ("done", 1, 1, ["Anne", "Bob"])

    begun = importer.api.request("POST", f"{place}undo/")
    assert (begun.status_code, begun.json()["undoes"]) == (202, place.split("/")[-2])
    importer.carry_out()
    shown = importer.api.get(begun.headers["Location"]).json()
    assert (shown["state"], shown["reversed"], shown["kept"], importer.names()) == ("done", 1, 1, ["Anne"])
    assert importer.errors(begun.headers["Location"]) == [
        ["row", "column", "message", "id", "change", "name"],
        ["2", "name", "It was changed since.", ann["id"], "created", "Anne"],
    ]
    again = importer.api.post(f"{place}undo/", {})
    assert (again.status_code, begun.json()["id"] in again.json()["detail"]) == (409, True)
    more = importer.api.post(f"{place}undo/", {"even_edited": True})
    assert more.status_code == 202
    for params in ({}, {"dry_run": "1"}):
        refused = importer.api.post(f"{place}undo/", {"dry_run": 2}, params=params)
        assert (refused.status_code, refused.json()) == (400, {"dry_run": ["Must be a valid boolean."]})
    importer.carry_out()
    assert importer.names() == []


def test_an_undo_needs_the_permissions_for_the_opposite_of_the_import(importer: Importer) -> None:
    importer.api.people.grant("adders", "app.add_client", "app.view_client")
    importer.api.people.add("ann", "adders")
    ann = importer.api.as_user("ann")
    place = importer.send("name\nAnn\n", api=ann).headers["Location"]
    importer.carry_out()

    assert ann.post(f"{place}undo/", {}).status_code == 403
    importer.api.people.grant("adders", "app.delete_client")
    assert ann.post(f"{place}undo/", {}).status_code == 202
    assert (
        importer.api.as_user("ann").post("/api/imports/0199c1a2-5b1f-7c3d-8e21-1f0a5c9d7b42/undo/").status_code == 404
    )


def test_webhooks_are_kept_from_an_import_only_by_those_who_may_change_webhooks(importer: Importer) -> None:
    importer.api.make("/api/webhooks/", name="w", model="Client", url="https://example.com/")
    importer.api.people.grant("adders", "app.add_client", "app.view_client")
    importer.api.people.add("ann", "adders")
    assert importer.send("name\nAnn\n", api=importer.api.as_user("ann"), no_webhooks="true").status_code == 403

    shown = importer.load("name\nAnn\n", no_webhooks="true")
    assert (shown["created"], shown["options"]["no_webhooks"]) == (1, True)
    [webhook] = importer.api.get("/api/webhooks/").json()
    assert importer.api.get(f"/api/webhooks/{webhook['id']}/deliveries/").json() == []
    assert importer.load("name\nBob\n")["created"] == 1
    assert len(importer.api.get(f"/api/webhooks/{webhook['id']}/deliveries/").json()) == 1


def test_the_list_comes_page_by_page(importer: Importer) -> None:
    ids = [importer.load(f"name\n{name}\n", dry_run="1")["id"] for name in "abc"]
    first = importer.api.get("/api/imports/?limit=2")
    assert [each["id"] for each in first.json()] == ids[:0:-1]
    link = first.headers["Link"].partition(">")[0][1:]
    assert [each["id"] for each in importer.api.get(link).json()] == ids[:1]
    assert importer.api.get("/api/imports/?cursor=x").status_code == 400


def test_the_name_of_a_file_is_kept_without_its_folders(importer: Importer) -> None:
    assert importer.load("name\nAnn\n", "C:\\Data\\cl\u200bients.csv")["file"] == "clients.csv"
