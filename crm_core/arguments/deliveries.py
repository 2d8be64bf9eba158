"""What lists of a webhook's deliveries take."""

from typing import TypedDict

from crm_core.webhooks.deliveries import DeliveryState


class DeliveryFilters(TypedDict, total=False):
    """Which deliveries of a webhook are listed.

    Attributes:
        state: only deliveries in this state.
    """

    state: DeliveryState
