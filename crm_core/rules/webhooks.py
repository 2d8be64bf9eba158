"""The rules for saving a webhook (``api.md`` 13, decisions 28 and 29); ``crm_core.webhooks`` is what one does."""

from collections.abc import Mapping

from crm_core.errors import InvalidError, Problems
from crm_core.input.drafts import Draft
from crm_core.input.fields import fields_of
from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.model.events import same
from crm_core.rules.needs import Catalog, Proposal, Steps, catalog_of
from crm_core.webhooks.conditions import condition_problems
from crm_core.webhooks.entity import MODELS, Webhook
from crm_core.webhooks.templates import MAX_HEADERS, TOO_MANY_HEADERS, placeholder_problems, url_problems


def fields_of_model(model: str, catalog: Catalog) -> frozenset[str]:
    """Return the fields that conditions and placeholders may name: the model's own, and its defined attributes."""
    own = fields_of(MODELS[model][1])
    return frozenset(own) | {f"{ATTRIBUTE_PREFIX}{name}" for name in catalog.definitions}


def validate_webhook(proposal: Proposal) -> Steps[Mapping[str, object]]:
    """Require a sound URL, and conditions and placeholders that name fields of the model.

    Clear ``disabled_reason`` when ``is_active`` is set to true.
    """
    model = proposal.value("model")
    values = {"disabled_reason": None} if proposal.sent.get("is_active") else {}
    if model is None or not proposal.touches("model", "url", "headers", "conditions"):
        return values
    known = yield catalog_of(entity := MODELS[model][0], proposal.who)
    fields = fields_of_model(model, known.catalogs[entity])
    # With another model everything is checked, else only what changes: the rest was sound when it was saved.
    before = proposal.before if model == getattr(proposal.before, "model", None) else None
    every = (
        (name, _problems(name, value, getattr(before, name, None), fields))
        for name in ("url", "headers", "conditions")
        if not same(value := proposal.value(name), getattr(before, name, None))
    )
    if problems := {name: field_problems for name, field_problems in every if field_problems}:
        raise InvalidError(problems)
    return values


def switched_off(webhook: Webhook, *, url: str, reason: str) -> Draft:
    """Return the change that stops deliveries after a failure at a URL; none if the webhook has another URL by now."""
    points_there = url.startswith(webhook.url.partition("{")[0])
    return Draft({"is_active": False, "disabled_reason": reason} if points_there and webhook.is_active else {})


def _problems(name: str, value: object, before: object, fields: frozenset[str]) -> Problems:
    """Return the problems of what a field gets; single headers and conditions that were there are none."""
    if value is None:
        return ()
    if name == "url":
        return url_problems(str(value), fields)
    if name == "headers" and isinstance(value, Mapping):
        if len(value) > MAX_HEADERS:  # a merge patch may have added to those that were there
            return (TOO_MANY_HEADERS,)
        known = before if isinstance(before, Mapping) else {}
        new = ((header, template) for header, template in value.items() if template != known.get(header))
        headers = ((header, placeholder_problems(template, fields)) for header, template in new)
        return {header: problems for header, problems in headers if problems}
    if isinstance(value, tuple):
        conditions = (
            (str(index), condition_problems(condition.field, condition.operator, condition.value, fields))
            for index, condition in enumerate(value)
            if not (isinstance(before, tuple) and any(same(condition, known) for known in before))
        )
        return {index: problems for index, problems in conditions if problems}
    return ()
