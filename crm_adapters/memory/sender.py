"""A sender that sends nothing and remembers everything."""

from collections.abc import Awaitable, Callable

from crm_core.webhooks.attempts import Attempt, Outcome


async def _taken(_: Attempt) -> Outcome:
    return Outcome(status=200)


class RecordingSender:
    """What would have been sent to webhooks (``crm_core.ports.WebhookSender``).

    Args:
        answer: what comes of an attempt; by default it is taken.

    Attributes:
        attempts: every attempt, in order.
    """

    def __init__(self, answer: Callable[[Attempt], Awaitable[Outcome]] = _taken) -> None:
        self.attempts: list[Attempt] = []
        self._answer = answer

    async def send(self, attempt: Attempt) -> Outcome:
        """Remember an attempt."""
        self.attempts.append(attempt)
        return await self._answer(attempt)
