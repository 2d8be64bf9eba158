"""Validates the proposal of a record: its fields, references, attributes, tasks and notes, and its resource's rules."""

from collections.abc import Mapping
from typing import Any

from crm_core.errors import ACROSS_FIELDS, NOT_UNIQUE, InvalidError, Problem, Problems, invalid
from crm_core.input.drafts import Draft, merged
from crm_core.input.readers import abbreviated
from crm_core.model.accounts import Caller
from crm_core.model.records import Key
from crm_core.resources import Resource
from crm_core.rules import tasks_and_notes
from crm_core.rules.attributes import validate_values
from crm_core.rules.needs import ACTIVE_USER, Known, Needs, Proposal, Search, Steps
from crm_core.rules.uniqueness import unique_problems


def catalog_needs(resource: Resource, who: Caller) -> Needs:
    """Return the need for the attributes and webhooks that users define for a resource, if they can."""
    return Needs(catalogs=catalog_versions(resource, who))


def catalog_versions(resource: Resource, who: Caller) -> Mapping[str, int | None]:
    """Return which catalogs a resource needs (``Needs.catalogs``)."""
    return {resource.name: who.catalogs.get(resource.name)} if resource.has_catalog else {}


def validated(resource: Resource, proposal: Proposal, draft: Draft) -> Steps[dict[str, Any]]:
    """Return the values to write, after all rules. Raises InvalidError with the problems of all of them."""
    if ACROSS_FIELDS in draft.problems:  # the input is not an object, so it has no fields
        raise InvalidError(draft.problems)
    keys = _referenced(resource, proposal, draft)
    known = yield Needs(references=frozenset(keys.values()), catalogs=catalog_versions(resource, proposal.who))
    missing = {name: does_not_exist(key) for name, key in keys.items() if not known.exists(key)}
    problems = {**draft.problems, **missing}
    values = {**proposal.sent, **_merged(resource, proposal, draft)}
    # It has ``values`` itself, which grow below: each rule sees what those before it set.
    seen = Proposal(who=proposal.who, before=proposal.before, sent=values)
    for rule in (_validate_attributes, _validate_tasks_and_notes, _validate_own, _validate_once):
        try:
            values |= yield from rule(resource, seen, draft, known)
        except InvalidError as error:
            problems |= {name: more for name, more in error.problems.items() if name not in problems}
    if problems:
        raise InvalidError(problems)
    return values


def _merged(resource: Resource, proposal: Proposal, draft: Draft) -> dict[str, Any]:
    # Attributes are merged by ``validate_values``, which needs their definitions. What cannot be read is not merged.
    names = [name for name in draft.merges & proposal.sent.keys() if resource.fields[name].kind == "mapping"]
    return {name: merged(getattr(proposal.before, name), proposal.sent[name]) for name in names}


def _referenced(resource: Resource, proposal: Proposal, draft: Draft) -> Mapping[str, Key]:
    """Return what is newly referred to; what was referred to already may be sent back (decision 12).

    What comes back from the history may refer to a disabled user, as the record did, and to what comes back with it.
    """
    is_restored = draft.restored_with is not None
    keys = {
        name: Key(ACTIVE_USER if to == "user" and not is_restored else to, id_)
        for name, to in resource.references.items()
        if (id_ := proposal.sent.get(name)) is not None
        and (is_restored or not resource.fields[name].output_only)
        and id_ != getattr(proposal.before, name, None)
    }
    return {name: key for name, key in keys.items() if key not in draft.restored_with} if draft.restored_with else keys


def _validate_attributes(
    resource: Resource, proposal: Proposal, draft: Draft, known: Known
) -> Steps[Mapping[str, object]]:
    # A new record's attributes are checked even if none were sent: some may be required.
    if "attributes" not in resource.fields or not proposal.touches("attributes"):
        return {}
    definitions = known.catalogs[resource.name].definitions
    values, problems = validate_values(
        definitions,
        getattr(proposal.before, "attributes", {}),
        proposal.sent["attributes"],
        merge="attributes" in draft.merges,
    )
    sound = {name: value for name, value in values.items() if name not in problems}
    taken = yield from unique_problems(definitions, proposal.before, sound)
    if problems or taken:
        raise InvalidError({"attributes": {**problems, **taken}})
    return {"attributes": values}


def _validate_tasks_and_notes(
    resource: Resource, proposal: Proposal, draft: Draft, _: Known
) -> Steps[Mapping[str, object]]:
    yield from ()
    if draft.restored_with is not None:  # entries that come back have their authors
        return {}
    values: dict[str, object] = {}
    problems: dict[str, Problems] = {}
    for name in ("list_of_tasks", "list_of_notes"):
        if resource.has_tasks_and_notes and proposal.touches(name):
            try:
                values[name] = tasks_and_notes.assign_authors(
                    getattr(proposal.before, name, ()), proposal.sent[name], proposal.who
                )
            except InvalidError as error:
                problems[name] = error.problems
    if problems:
        raise InvalidError(problems)
    return values


def _validate_own(resource: Resource, proposal: Proposal, _: Draft, __: Known) -> Steps[Mapping[str, object]]:
    return resource.validate(proposal)


def _validate_once(resource: Resource, proposal: Proposal, _: Draft, __: Known) -> Steps[Mapping[str, object]]:
    """Refuse values that another record has, with the texts of Django REST Framework (decision 10)."""
    places = tuple((name, proposal.value(name)) for name in resource.once)
    is_new = any(value != getattr(proposal.before, name, None) for name, value in places)
    if not is_new or any(value is None for _, value in places):
        return {}
    search = Search(resource.name, places)
    known = yield Needs(counts=frozenset({search}))
    if known.counts[search]:
        if len(places) == 1:
            raise InvalidError({resource.once[0]: (NOT_UNIQUE,)})
        text = f"The fields {', '.join(resource.once)} must make a unique set."
        raise invalid(ACROSS_FIELDS, "unique", text)
    return {}


def divided(resource: Resource, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values of the record's fields, and those that are stored beside it."""
    fields = resource.fields
    shown = {name: value for name, value in values.items() if name in fields}
    return shown, {name: values[name] for name in resource.hidden if name in values}


def does_not_exist(key: Key) -> Problems:
    """Return the problem of a reference to something that does not exist."""
    return (Problem("does_not_exist", f'Invalid pk "{abbreviated(key.id)}" - object does not exist.'),)
