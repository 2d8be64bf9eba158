"""Never run: ``test_client`` has mypy read it."""

from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import assert_type
from uuid import UUID

from crm_core import Client as ClientRecord
from crm_core import FollowUp, Lead
from crm_http.client import AsyncClient, Client, DeliveryReport, UploadedImage, WebhookWithSecret


def results(crm: Client, other: AsyncClient, key: UUID) -> None:
    """What comes of calls."""
    assert_type(crm.leads.create(name="a"), Lead)
    assert_type(other.leads.create(name="a"), Awaitable[Lead])
    assert_type(crm.leads.list(stage="New"), Iterator[Lead])
    assert_type(other.leads.list(stage="New"), AsyncIterator[Lead])
    assert_type(crm.clients.change(key, name="b"), ClientRecord)
    assert_type(crm.clients.upload(key, b""), UploadedImage)
    assert_type(crm.follow_ups(key).retrieve(key), FollowUp)
    assert_type(crm.webhooks.create(name="w"), WebhookWithSecret)
    assert_type(other.webhooks.deliveries(key), AsyncIterator[DeliveryReport])
    assert_type(other.webhooks.rotate_secret(key), Awaitable[str])


def mistakes(crm: Client, key: UUID) -> None:
    """Each of them is found."""
    crm.leads.retrieve()  # type: ignore[call-arg]
    crm.leads.update_task(key, 1)  # type: ignore[arg-type]
    crm.services.change(key, if_match=crm.clients.create())  # type: ignore[arg-type]
    crm.pipelines.add_task(key)  # type: ignore[attr-defined]
    crm.attributes("pipeline")  # type: ignore[arg-type]
