"""Every operation of the app: those of records, and what else there is."""

from collections.abc import Mapping
from typing import Final

from crm_core.input.fields import fields_of
from crm_core.model.accounts import User
from crm_core.use_cases.accounts import Credentials
from crm_core.use_cases.webhooks import DryRunRequest, Listing, Recovery
from crm_core.webhooks.delivery_log import LoggedDelivery
from crm_http.api.requests import FORM, JSON, MULTIPART
from crm_http.api.routes.accounts import USER_LISTS
from crm_http.openapi.answers import answer
from crm_http.openapi.operation import TEXT, Operation, Operations, array, members
from crm_http.openapi.parameters import CURSOR, IF_NONE_MATCH, LIMIT, path_parameter, query_parameter
from crm_http.openapi.record_operations import operations_of_records
from crm_http.openapi.schemas import Schema, nullable, reference, shown, taken

_ACCOUNTS: Final = "Users"
_WEBHOOKS: Final = "Webhooks"


def operations() -> Operations:
    """Every operation of the app."""
    yield from _accounts()
    yield from operations_of_records()
    yield from _webhooks()
    yield from _about()


def _accounts() -> Operations:
    credentials = taken(Credentials, require_all=True)
    login, me, path = members(token=TEXT), _ME, "/api-token-auth"
    yield (
        ("POST", path),
        Operation(
            id="log_in",
            tag=_ACCOUNTS,
            summary="Obtain a token",
            body=dict.fromkeys((JSON, FORM, MULTIPART), credentials),
            answers={200: answer("The token, shown this once.", login)},
            errors=frozenset({429}),
        ),
    )
    done = {204: answer("The token works no longer.")}
    yield ("DELETE", path), Operation(id="log_out", tag=_ACCOUNTS, summary="Revoke the token", answers=done)
    found = {200: answer("Permissions and groups.", me)}
    yield ("GET", "/api/me"), Operation(id="me", tag=_ACCOUNTS, summary="Who the caller is", answers=found)
    for place, group in USER_LISTS.items():
        listed = {200: answer("The users.", array(reference(User.__name__)))}
        name = place.removeprefix("/api/")
        yield (
            ("GET", place),
            Operation(id=f"{name}_list", tag=_ACCOUNTS, summary=f"The users in the group {group}", answers=listed),
        )


def _webhooks() -> Operations:
    place = "/api/webhooks/{id}"
    known, took = frozenset({404}), answer("How many are sent anew.", members(recovered={"type": "integer"}))
    delivery = reference("Delivery")
    for method, path, name, summary, body, answers in (
        (
            "POST",
            "dry-run",
            "dry_run",
            "Would it fire, and what would be sent?",
            DryRunRequest,
            {200: answer("So.", _TRIED)},
        ),
        ("POST", "rotate-secret", "rotate_secret", "Sign with a new secret", None, {200: answer("It.", _SECRET)}),
        ("POST", "recover", "recover", "Send anew what could not be delivered", Recovery, {202: took}),
        ("GET", "deliveries/{delivery}", "delivery", "Retrieve a delivery", None, {200: answer("It.", delivery)}),
        (
            *("POST", "deliveries/{delivery}/redeliver", "redeliver", "Send a delivery anew", None),
            {202: answer("It is sent.", delivery)},
        ),
    ):
        schema = {} if body is None else {JSON: taken(body, require_all=True) | _ALSO_REQUIRED.get(body, {})}
        yield (
            (method, f"{place}/{path}"),
            Operation(
                id=f"webhooks_{name}", tag=_WEBHOOKS, summary=summary, body=schema, answers=answers, errors=known
            ),
        )
    states = fields_of(Listing)["state"].limits["enum"]
    yield (
        ("GET", f"{place}/deliveries"),
        Operation(
            id="webhooks_deliveries",
            tag=_WEBHOOKS,
            summary="What became of the deliveries of a webhook, the newest first",
            parameters=(query_parameter("state", {"type": "string", "enum": states}, "Only those."), LIMIT, CURSOR),
            answers={200: answer("The deliveries.", array(reference("LoggedDelivery")), headers=("Link",))},
            errors=known,
        ),
    )


def _about() -> Operations:
    for path, what, gone in (("/healthz", "lives", {}), ("/readyz", "is ready for requests", {503: "It is not."})):
        status = members(status=TEXT)
        answers = {200: answer("It does.", status)} | {code: answer(text, status) for code, text in gone.items()}
        name = path.strip("/")
        yield ("GET", path), Operation(id=name, tag="About", summary=f"Whether the server {what}", answers=answers)
    for path, name, what in (("/docs", "docs", "This as a page"), ("/docs/{name}", "docs_asset", "What that loads")):
        page = answer("So.", TEXT, headers=("ETag",), media_types=("text/html", "text/css", "text/javascript"))
        yield (
            ("GET", path),
            Operation(
                id=name,
                tag="About",
                summary=what,
                parameters=(*([path_parameter("name", TEXT)] if "{" in path else []), IF_NONE_MATCH),
                answers={200: page, 304: answer("It has not changed.", headers=("ETag",))},
                errors=frozenset({404}),
            ),
        )
    described = {200: answer("The description.", {"type": "object"})}
    summary = "This description; with a token, of the attributes too"
    yield ("GET", "/schema/openapi.json"), Operation(id="schema", tag="About", summary=summary, answers=described)


_SECRET: Final = members(secret=TEXT)
_HEADERS: Final[Schema] = {"type": "object", "additionalProperties": TEXT}
_REQUEST: Final = members(method=TEXT, url=TEXT, headers=_HEADERS, body={})
_TRIED: Final = members(would_fire={"type": "boolean"}, request=_REQUEST, error=nullable(TEXT))
_ME: Final = members(id={"type": "integer"}, username=TEXT, groups=array(TEXT), permissions=array(TEXT))
_ALSO_REQUIRED: Final[Mapping[type, Schema]] = {Recovery: {"required": ["since"]}}
_LOGGED: Final = shown(LoggedDelivery)
_LOGGED["properties"]["error"] = nullable(TEXT)

#: Schemas of what is no record.
OTHER_SCHEMAS: Final[Mapping[str, Schema]] = {
    User.__name__: shown(User),
    "LoggedDelivery": _LOGGED,
    "Delivery": {
        "allOf": [reference("LoggedDelivery"), members(request=nullable(_REQUEST), answer=nullable(TEXT))],
    },
    "WebhookCreated": {"allOf": [reference("Webhook"), _SECRET]},
}
