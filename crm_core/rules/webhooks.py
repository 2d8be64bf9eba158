"""The rules for saving a webhook (``api.md`` 13, decisions 27 to 29); ``crm_core.webhooks`` is what one does."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from crm_core.errors import InvalidError, Problem, Problems
from crm_core.input.drafts import Draft
from crm_core.input.fields import fields_of
from crm_core.input.readers import RefusedError
from crm_core.model.accounts import require
from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.model.permissions import permission
from crm_core.rules.attributes import former_names
from crm_core.rules.conditions import read_conditions
from crm_core.rules.needs import Catalog, Proposal, Steps, catalog_of
from crm_core.webhooks.entity import MODELS, Webhook
from crm_core.webhooks.headers import MAX_HEADERS, TOO_MANY_HEADERS
from crm_core.webhooks.templates import placeholder_problems
from crm_core.webhooks.urls import redacted_url, url_problems

_ONLY_BEGINS: Final = Problem("invalid", "This is only the beginning of the URL: send the whole one.")


def view_permission(model: str) -> str:
    """Return the permission to view the records that a webhook of a model sends."""
    return permission("view", model.lower())


def fields_of_model(model: str, catalog: Catalog) -> frozenset[str]:
    """Return the fields that conditions and placeholders may name: the model's own, and its defined attributes."""
    own = fields_of(MODELS[model][1])
    return frozenset(own) | {f"{ATTRIBUTE_PREFIX}{name}" for name in catalog.definitions}


def validate_webhook(proposal: Proposal) -> Steps[Mapping[str, object]]:
    """Require a sound URL, and conditions and placeholders that name fields of the model.

    Current values may stay even if they could not be written today, unless the model changes; but a webhook that came
    back with only the beginning of its URL (decision 76) is not switched on. Return the conditions
    with their values read, and clear ``disabled_reason`` when ``is_active`` is set to true.

    Raises InvalidError, PermissionDeniedError if the caller may not view the records of the model, before or after.
    """
    model = proposal.value("model")
    _require_view(proposal, model)
    if _is_switched_on_without_url(proposal):
        raise InvalidError({"url": (_ONLY_BEGINS,)})
    values: dict[str, object] = {"disabled_reason": None} if proposal.sent.get("is_active") else {}
    if model is None or not proposal.touches("model", "url", "headers", "conditions"):
        return values
    known = yield catalog_of(entity := MODELS[model][0], proposal.who)
    catalog = known.catalogs[entity]
    before = proposal.before if getattr(proposal.before, "model", None) == model else None
    problems = _template_problems(proposal, before, model, catalog)
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


def _is_switched_on_without_url(proposal: Proposal) -> bool:
    """Return whether a webhook becomes active with only the beginning of its URL; one that is so already may stay."""
    url, before = proposal.value("url"), proposal.before
    is_already = before is not None and before.is_active and before.url == url
    return bool(proposal.value("is_active")) and not is_already and url is not None and url == redacted_url(url)


def _require_view(proposal: Proposal, model: str | None) -> None:
    for each in {model, getattr(proposal.before, "model", None)} - {None}:
        require(proposal.who.actor, view_permission(str(each)))


def _renamed(catalog: Catalog) -> Mapping[str, str]:
    """Return the names that attributes have by now, by their former names, as conditions and placeholders have both."""
    former = former_names({name: each.former_names for name, each in catalog.definitions.items()})
    return {f"{ATTRIBUTE_PREFIX}{old}": f"{ATTRIBUTE_PREFIX}{name}" for name, olds in former.items() for old in olds}


def _template_problems(proposal: Proposal, before: Webhook | None, model: str, catalog: Catalog) -> dict[str, Problems]:
    """Return the problems of URL and headers that the webhook does not have already."""
    problems: dict[str, Problems] = {}
    fields, renamed = fields_of_model(model, catalog), _renamed(catalog)
    url, headers = proposal.value("url"), proposal.value("headers") or {}
    if url is not None and (before is None or url != before.url):
        problems["url"] = url_problems(str(url), fields, renamed)
    if len(headers) > MAX_HEADERS:  # a merge patch may have added to those that were there
        problems["headers"] = (TOO_MANY_HEADERS,)
    else:
        old = before.headers if before else {}
        new = ((name, template) for name, template in headers.items() if old.get(name) != template)
        found = ((name, placeholder_problems(text, fields, renamed)) for name, text in new)
        problems["headers"] = {name: wrong for name, wrong in found if wrong}
    return {name: wrong for name, wrong in problems.items() if wrong}
