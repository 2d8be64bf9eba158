"""RecordingSender: sends nothing and records every attempt."""

from collections.abc import Awaitable, Callable

from crm_core.webhooks.attempts import Attempt, Outcome


async def _accepted(_: Attempt) -> Outcome:
    return Outcome(status=200)


class RecordingSender:
    """Records what would be sent to webhooks (``crm_core.ports.WebhookSender``).

    Args:
        answer: returns the outcome of an attempt; by default status 200.

    Attributes:
        attempts: every attempt, in order.
    """

    def __init__(self, answer: Callable[[Attempt], Awaitable[Outcome]] = _accepted) -> None:
        self.attempts: list[Attempt] = []
        self._answer = answer

    async def send(self, attempt: Attempt) -> Outcome:
        """Record an attempt and return its outcome."""
        self.attempts.append(attempt)
        return await self._answer(attempt)
