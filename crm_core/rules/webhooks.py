"""Webhooks: what must hold before one is saved (``api.md`` 13, rulings 28 and 29)."""

from collections.abc import Mapping

from crm_core.errors import InvalidError, Problems
from crm_core.input.drafts import Draft
from crm_core.input.fields import fields_of
from crm_core.rules.needs import Catalog, Known, Needs, Proposal, catalog_of
from crm_core.webhooks.conditions import condition_problems
from crm_core.webhooks.entity import MODELS, Webhook
from crm_core.webhooks.templates import MAX_HEADERS, TOO_MANY_HEADERS, placeholder_problems, url_problems


def fields_of_model(model: str, catalog: Catalog) -> frozenset[str]:
    """The fields that conditions and placeholders may name: the model's own, and its defined attributes."""
    own = fields_of(MODELS[model][1])
    return frozenset(own) | {f"attributes.{name}" for name in catalog.definitions}


def validate_webhook(proposal: Proposal, known: Known) -> Needs | Mapping[str, object]:
    """Conditions and placeholders name fields that the model has; the URL is sound. Who switches it on begins anew."""
    model = proposal.value("model")
    settled = {"disabled_reason": None} if proposal.sent.get("is_active") else {}
    if model is None or not proposal.touches("model", "url", "headers", "conditions"):
        return settled
    if lacking := known.lacks(catalog_of(entity := MODELS[model][0], proposal.who)):
        return lacking
    fields = fields_of_model(model, known.catalogs[entity])
    # With another model everything is checked anew, else only what is written: what was sound once may stay.
    names = ("url", "headers", "conditions")
    checked = names if proposal.touches("model") else tuple(name for name in names if proposal.touches(name))
    problems = {name: found for name in checked if (found := _problems(name, proposal.value(name), fields))}
    if problems:
        raise InvalidError(problems)
    return settled


def switched_off(webhook: Webhook, *, url: str, reason: str) -> Draft:
    """The change that stops deliveries after a failure at a URL; none if the webhook points elsewhere by now."""
    points_there = url.startswith(webhook.url.partition("{")[0])
    return Draft({"is_active": False, "disabled_reason": reason} if points_there and webhook.is_active else {})


def _problems(name: str, value: object, fields: frozenset[str]) -> Problems:
    if value is None:
        return ()
    if name == "url":
        return url_problems(str(value), fields)
    if name == "headers" and isinstance(value, Mapping):
        if len(value) > MAX_HEADERS:  # a merge patch may have added to those that were there
            return (TOO_MANY_HEADERS,)
        return {key: found for key, each in value.items() if (found := placeholder_problems(each, fields))}
    if isinstance(value, tuple):
        each_problems = (
            (str(index), condition_problems(each.field, each.operator, each.value, fields))
            for index, each in enumerate(value)
        )
        return {index: found for index, found in each_problems if found}
    return ()
