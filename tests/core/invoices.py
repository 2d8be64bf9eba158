"""A resource with amounts, whole numbers and dates of its own, as an embedder has; it is in no table of resources."""

import datetime as dt
from typing import Final
from uuid import UUID

import attrs

from crm_core.input.decimals import FixedPoint
from crm_core.input.declarations import (
    choice,
    date_value,
    datetime_value,
    decimal,
    identity,
    integer,
    last_change,
    money,
    text,
)
from crm_core.input.fields import REQUIRED
from crm_core.resources import Resource


@attrs.frozen(kw_only=True, slots=False)
class Invoice:
    """An invoice.

    Attributes:
        id: the id of the record, which the server sets.
        number: its number.
        amount: what is to be paid.
        currency: the currency of the amount.
        rate: how much of the currency is one euro.
        pages: how many pages it has.
        copies: how many copies are sent.
        due: the last day to pay.
        paid_at: when it was paid.
        updated_at: when the record was last changed.
        updated_by: the id of the user who changed it last.
    """

    id: UUID = identity()
    number: str = text()
    amount: FixedPoint = money(minimum=0)
    currency: str | None = choice("EUR", "USD", default=None)
    rate: FixedPoint | None = decimal(max_digits=60, decimal_places=20, default=None)
    pages: int = integer(minimum=1, maximum=999, default=1)
    copies: int | None = integer(default=None)
    due: dt.date = date_value(default=REQUIRED)
    paid_at: dt.datetime | None = datetime_value(nullable=True)
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


RANGES: Final = ("amount", "rate", "pages", "copies", "due", "paid_at", "updated_at")

INVOICES: Final = Resource(
    name="invoice",
    path="invoices",
    entity=Invoice,
    model_name="invoice",
    label=("invoice", "invoices"),
    filters={"number": "contains", "amount": "exact", "due": "exact"},
    ranges=RANGES,
    ordering=("number", *RANGES),
    search=("number",),
)
