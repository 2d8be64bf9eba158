"""The rules for saving a webhook (``api.md`` 13, decisions 27 to 29); ``crm_core.webhooks`` is what one does."""

from collections.abc import Mapping
from functools import partial

from crm_core.errors import InvalidError, Problems
from crm_core.input.drafts import Draft
from crm_core.input.fields import fields_of
from crm_core.input.readers import RefusedError
from crm_core.model.accounts import require
from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.model.permissions import permission
from crm_core.rules.conditions import read_conditions
from crm_core.rules.needs import Catalog, Proposal, Steps, catalog_of
from crm_core.webhooks.entity import MODELS, Webhook
from crm_core.webhooks.headers import MAX_HEADERS, TOO_MANY_HEADERS
from crm_core.webhooks.templates import placeholder_problems
from crm_core.webhooks.urls import url_problems


def view_permission(model: str) -> str:
    """Return the permission to view the records that a webhook of a model sends."""
    return permission("view", model.lower())


def fields_of_model(model: str, catalog: Catalog) -> frozenset[str]:
    """Return the fields that conditions and placeholders may name: the model's own, and its defined attributes."""
    own = fields_of(MODELS[model][1])
    return frozenset(own) | {f"{ATTRIBUTE_PREFIX}{name}" for name in catalog.definitions}


def validate_webhook(proposal: Proposal) -> Steps[Mapping[str, object]]:
    """Require a sound URL, and conditions and placeholders that name fields of the model.

    Current values may stay even if they could not be written today, unless the model changes. Return the conditions
    with their values read, and clear ``disabled_reason`` when ``is_active`` is set to true.

    Raises InvalidError, PermissionDeniedError if the caller may not view the records of the model, before or after.
    """
    model = proposal.value("model")
    _require_view(proposal, model)
    values: dict[str, object] = {"disabled_reason": None} if proposal.sent.get("is_active") else {}
    if model is None or not proposal.touches("model", "url", "headers", "conditions"):
        return values
    known = yield catalog_of(entity := MODELS[model][0], proposal.who)
    catalog = known.catalogs[entity]
    before = proposal.before if getattr(proposal.before, "model", None) == model else None
    problems = _template_problems(proposal, before, fields_of_model(model, catalog))
    read = partial(read_conditions, model, catalog.definitions)
    if proposal.touches("model", "conditions") and proposal.value("conditions") is not None:
        try:
            values["conditions"] = read(proposal.value("conditions"), getattr(before, "conditions", ()))
        except RefusedError as error:
            problems["conditions"] = error.problems
    if problems:
        raise InvalidError(problems)
    return values


def switched_off(webhook: Webhook, *, url: str, reason: str) -> Draft:
    """Return the change that stops deliveries after a failure at a URL; none if the webhook has another URL by now."""
    points_there = url.startswith(webhook.url.partition("{")[0])
    return Draft({"is_active": False, "disabled_reason": reason} if points_there and webhook.is_active else {})


def _require_view(proposal: Proposal, model: str | None) -> None:
    for each in {model, getattr(proposal.before, "model", None)} - {None}:
        require(proposal.who.actor, view_permission(str(each)))


def _template_problems(proposal: Proposal, before: Webhook | None, fields: frozenset[str]) -> dict[str, Problems]:
    """Return the problems of URL and headers that the webhook does not have already."""
    problems: dict[str, Problems] = {}
    url, headers = proposal.value("url"), proposal.value("headers") or {}
    if url is not None and (before is None or url != before.url):
        problems["url"] = url_problems(str(url), fields)
    if len(headers) > MAX_HEADERS:  # a merge patch may have added to those that were there
        problems["headers"] = (TOO_MANY_HEADERS,)
    else:
        old = before.headers if before else {}
        new = ((name, template) for name, template in headers.items() if old.get(name) != template)
        problems["headers"] = {name: wrong for name, text in new if (wrong := placeholder_problems(text, fields))}
    return {name: wrong for name, wrong in problems.items() if wrong}
