"""Invoices: what clients are to pay. The whole resource is its fields, its row and its rule."""

import datetime as dt
from collections.abc import Mapping
from uuid import UUID

import attrs

from crm_core import InvalidError, Needs, Problem, Proposal, Resource, Search, Steps, register
from crm_core.fields import (
    FixedPoint,
    attribute_values,
    choice,
    date_value,
    identity,
    last_change,
    money,
    output_only,
    reference,
    text,
    user,
)

__all__ = ["INVOICES", "Invoice", "register_invoices"]


@attrs.frozen(kw_only=True, slots=False)
class Invoice:
    """What a client is to pay.

    Attributes:
        id: the id of the record, which the server sets.
        number: the number, which no two invoices have alike.
        client: the id of the client who is to pay.
        amount: what is to be paid.
        currency: the currency of the amount.
        state: whether the invoice is a draft, was sent, or was paid.
        due_date: the day until which it is to be paid.
        note: what else is to be said.
        responsible: the id of the user who sees to it.
        attributes: the values of the attributes that are defined, by name; the object that is sent replaces the whole
            object.
        created_at: when the record was created.
        updated_at: when the record was last changed, also together with another record.
        updated_by: the id of the user who changed it last; null for the system.
    """

    id: UUID = identity()
    number: str = text(max_length=40)
    client: UUID = reference("client")
    amount: FixedPoint = money(minimum=0)
    currency: str = choice("EUR", "USD", default="EUR")
    state: str = choice("draft", "sent", "paid", default="draft")
    due_date: dt.date | None = date_value()
    note: str | None = text(max_length=1_000, blank=True, default="", nullable=True)
    responsible: int | None = user()
    attributes: Mapping[str, object] = attribute_values()
    created_at: dt.datetime = output_only("datetime")
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


def number_is_new(proposal: Proposal) -> Steps[Mapping[str, object]]:
    """Refuse a number that another invoice has."""
    number = proposal.value("number")
    if number is None or (proposal.before is not None and number == proposal.before.number):
        return {}
    search = Search("invoice", (("number", number),))
    known = yield Needs(counts=frozenset({search}))
    if known.counts[search]:
        raise InvalidError({"number": (Problem("unique", "Another invoice has this number."),)})
    return {}


INVOICES = Resource(
    name="invoice",
    path="invoices",
    entity=Invoice,
    model_name="invoice",
    label=("invoice", "invoices"),
    filters={"number": "contains", "currency": "exact", "state": "exact"},
    ranges=("amount", "due_date", "updated_at"),
    ordering=("number", "amount", "due_date", "updated_at"),
    search=("number", "note"),
    defaults_to_now=("created_at",),
    once=("number",),
    validate=number_is_new,
)


def register_invoices() -> None:
    """Add the resource to those of the CRM."""
    register(INVOICES, sample={"number": "2026-0001", "amount": "99.90", "due_date": "2026-12-24"})
