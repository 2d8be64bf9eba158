import asyncio
import csv
import datetime as dt
import io
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from crm_adapters.tables.reader import ChildTableReader
from crm_core.resources import RESOURCES
from crm_core.tables.rows import Row, TableOptions
from tests.http.conftest import Api
from tests.http.test_resources import NOWHERE

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def lines(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode(), newline=""), strict=True))


def test_a_csv_has_the_documented_fields_with_a_column_for_each_attribute(api: Api) -> None:
    api.post("/api/attributes/client/", {"name": "city", "label": "City", "type": "text"})
    id_ = api.post("/api/clients/", {"name": "=Ann", "attributes": {"city": "+Lyon"}}).json()["id"]
    answer = api.get("/api/clients/export/")
    header, line = lines(answer.content)

    assert header == [
        *("id", "name", "attributes.city", "list_of_tasks", "list_of_notes", "list_of_images"),
        *("created_at", "created_by", "updated_at", "updated_by"),
    ]
    assert line[:6] == [id_, "'=Ann", "'+Lyon", "", "", ""]
    assert answer.content.endswith(b"\r\n")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="clients-\d{4}-\d\d-\d\d\.csv"', answer.headers["content-disposition"])


def test_values_that_definitions_of_another_type_left_are_exported(api: Api) -> None:
    def define(type_: str) -> Any:
        return api.post("/api/attributes/client/", {"name": "x", "label": "X", "type": type_}).json()["id"]

    values = {"text": "red", "number": 2.5, "boolean": True, "list": ["a", "b"]}
    for type_, value in values.items():
        definition = define(type_)
        api.post("/api/clients/", {"name": type_, "attributes": {"x": value}})
        api.delete(f"/api/attributes/{definition}/")
    for type_ in ("date", "number", "boolean", "text"):
        definition = define(type_)
        for format_ in ("csv", "xlsx", "jsonl"):
            assert api.get(f"/api/clients/export/?format={format_}").status_code == 200
        api.delete(f"/api/attributes/{definition}/")


def test_jsonl_has_each_record_as_the_list_has_it(api: Api) -> None:
    api.post("/api/attributes/client/", {"name": "size", "label": "Size", "type": "number"})
    for name in ("a", "b\u2028c"):
        api.post("/api/clients/", {"name": name, "attributes": {"size": 5}})
    answer = api.get("/api/clients/export/?format=jsonl")

    assert b"[" + b",".join(answer.content.removesuffix(b"\n").split(b"\n")) + b"]" == api.get("/api/clients/").content
    assert answer.headers["content-type"] == "application/jsonl"


async def _rows(path: Path) -> list[Row]:
    async with ChildTableReader().open(str(path), TableOptions("xlsx")) as table:
        return [row async for some in table for row in some]


def test_a_workbook_has_typed_cells(memory_api: Api, tmp_path: Path) -> None:
    memory_api.post("/api/cohorts/", {"name_cohort": "Spring", "start_date": "2026-03-02"})
    answer = memory_api.get("/api/cohorts/export/?format=xlsx")
    (tmp_path / "a.xlsx").write_bytes(answer.content)

    assert answer.headers["content-type"] == XLSX
    [row] = asyncio.run(_rows(tmp_path / "a.xlsx"))
    assert row.cells[1:3] == ["Spring", dt.date(2026, 3, 2)]  # type: ignore[index]


def test_an_export_has_the_filters_and_the_order_of_the_list(api: Api) -> None:
    for name in ("Ann", "Ben", "Anna"):
        api.post("/api/clients/", {"name": name})
    names = [line[1] for line in lines(api.get("/api/clients/export/?name=ann&ordering=-name").content)]

    assert names == ["name", "Anna", "Ann"]


def test_a_byte_order_mark_is_there_if_it_is_asked_for(memory_api: Api) -> None:
    assert memory_api.get("/api/clients/export/?bom=1").content.startswith(b"\xef\xbb\xbfid,")
    assert memory_api.get("/api/clients/export/?bom=0&format=").content.startswith(b"id,")


def test_every_resource_can_be_exported_also_without_records(memory_api: Api) -> None:
    for resource in RESOURCES.values():
        exported = memory_api.get(f"/api/{resource.path}/export/")
        assert lines(exported.content)[0][0] == "id"
        assert memory_api.get(f"/api/{resource.path}/export/?format=jsonl").content == b""


def test_follow_ups_are_those_of_all_services_or_of_one(api: Api) -> None:
    client = api.post("/api/clients/", {"name": "c"}).json()["id"]
    services = [api.post("/api/services/", {"name": n, "client": client}).json()["id"] for n in "ab"]
    for service in services:
        api.post(f"/services/{service}/follow-ups/", {"comment": "x"})

    assert len(lines(api.get("/api/follow-ups/export/").content)) == 3
    [_, line] = lines(api.get(f"/api/follow-ups/export/?service={services[0]}").content)
    assert line[1] == services[0]


NOT_AVAILABLE = ["Select a valid choice. That choice is not one of the available choices."]
NOT_A_FILTER = ["Lists cannot be filtered by this field."]


@pytest.mark.parametrize(
    ("path", "query", "problems"),
    [
        ("follow-ups", f"service={NOWHERE}", {"service": NOT_AVAILABLE}),
        ("follow-ups", "service=x", {"service": ["Enter a valid UUID."]}),
        ("follow-ups", "service__in=x", {"service__in": NOT_A_FILTER}),
        ("follow-ups", "attributes.ghost=1", {"attributes.ghost": ["This attribute is not defined."]}),
        ("follow-ups", "updated_at__gt=x&comment=x", {"comment": NOT_A_FILTER, "updated_at__gt": [ANY]}),
        ("attributes", "entity=x", {"entity": ["Select a valid choice. x is not one of the available choices."]}),
        ("attributes", "is_required=x", {"is_required": ["Must be a valid boolean."]}),
    ],
)
def test_an_export_over_all_parents_refuses_bad_filters_as_lists_do(
    api: Api, path: str, query: str, problems: Mapping[str, Any]
) -> None:
    answer = api.get(f"/api/{path}/export/?{query}")

    assert (answer.status_code, answer.json()) == (400, problems)


def test_attributes_can_be_exported_of_one_entity(memory_api: Api) -> None:
    for entity in ("client", "lead"):
        memory_api.post(f"/api/attributes/{entity}/", {"name": "city", "label": "City", "type": "text"})

    assert len(lines(memory_api.get("/api/attributes/export/").content)) == 3
    assert len(lines(memory_api.get("/api/attributes/export/?entity=lead").content)) == 2
    assert len(lines(memory_api.get("/api/attributes/export/?entity=%E2%80%8B").content)) == 3


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("format=ods", "format"),
        ("bom=perhaps", "bom"),
        ("bom=1&format=jsonl", "bom"),
        ("limit=5", "limit"),
        ("cursor=abc", "cursor"),
        ("attributes.none=1", "attributes.none"),
        ("name__exact=1", "name__exact"),
    ],
)
def test_what_an_export_does_not_take_is_refused(memory_api: Api, query: str, field: str) -> None:
    answer = memory_api.get(f"/api/clients/export/?{query}")

    assert (answer.status_code, list(answer.json())) == (400, [field])


def test_an_export_needs_the_permission_to_view(memory_api: Api) -> None:
    memory_api.people.add("nobody")

    assert memory_api.as_user("nobody").get("/api/clients/export/").status_code == 403


def test_secrets_of_webhooks_are_hidden_from_those_who_may_not_change_them(memory_api: Api) -> None:
    body: dict[str, Any] = {
        "name": "w",
        "url": "https://example.com/",
        "model": "Client",
        "headers": {"X-Key": "secret-value"},
    }
    memory_api.post("/api/webhooks/", body)
    memory_api.post("/api/webhooks/", body)
    memory_api.people.grant("Viewers", "app.view_webhook")
    memory_api.people.add("viewer", "Viewers")
    viewer = memory_api.as_user("viewer")

    assert b"secret-value" in memory_api.get("/api/webhooks/export/").content
    for format_ in ("csv", "jsonl"):
        content = viewer.get(f"/api/webhooks/export/?format={format_}").content
        assert b"secret-value" not in content
        assert content.count(b"https://example.com/") == 2


def test_what_a_workbook_cannot_hold_is_refused_before_it_is_sent(memory_api: Api) -> None:
    memory_api.post("/api/attributes/client/", {"name": "text", "label": "Text", "type": "text"})
    memory_api.post("/api/clients/", {"name": "Ann", "attributes": {"text": "x" * 40_000}})
    answer = memory_api.get("/api/clients/export/?format=xlsx")

    assert answer.status_code == 400
    assert answer.json() == {
        "format": [
            (
                "Row 2, column C (attributes.text) has 40,000 characters; a cell of a workbook has at most 32,767: "
                "export CSV or JSONL."
            )
        ]
    }


def test_the_log_keeps_who_exported_what(memory_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    for name in "abc":
        memory_api.post("/api/clients/", {"name": name})
    with caplog.at_level(logging.INFO, "crm.exports"):
        memory_api.get("/api/clients/export/?format=jsonl")

    assert re.fullmatch(r"request_id=\S+ user=1 resource=clients format=jsonl records=3 complete", caplog.messages[-1])
