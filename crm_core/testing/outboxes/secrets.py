"""Facts about the secrets that webhooks are signed with."""

# ruff: noqa: D102  # a test's name is the fact that it states

from crm_core.resources import WEBHOOKS
from crm_core.testing.outboxes.scene import OutboxFacts, Post
from crm_core.testing.scene import fact
from crm_core.use_cases.callers import new_secret
from crm_core.webhooks.entity import SECRET_OVERLAP


class SecretFacts(OutboxFacts):
    """Secrets of webhooks."""

    @fact
    async def test_the_first_secret_is_known_until_it_is_replaced(self, post: Post) -> None:
        hook = await post.hook()
        first = await post.outbox.secret(hook)

        assert await post.outbox.first_secret(hook) == first
        await post.outbox.rotate(hook, new_secret())
        assert await post.outbox.first_secret(hook) is None
        await self.elapse(SECRET_OVERLAP * 2)
        await post.outbox.rotate(hook, new_secret())
        assert await post.outbox.first_secret(hook) is None
        await post.delete(WEBHOOKS, hook)
        assert await post.outbox.first_secret(hook) is None

    @fact
    async def test_each_webhook_has_a_secret_of_its_own(self, post: Post) -> None:
        hooks = [await post.hook(), await post.hook()]
        secrets = [await post.outbox.secret(hook) for hook in hooks]
        await post.patch(WEBHOOKS, hooks[0], name="renamed")
        await post.lead()

        assert len({*secrets, new_secret()}) == 3
        assert all(secret and len(secret) == len(new_secret()) for secret in secrets)
        assert {attempt.webhook: attempt.secrets for attempt in await post.claim()} == {
            hook: (secret,) for hook, secret in zip(hooks, secrets, strict=True)
        }

    @fact
    async def test_after_rotations_the_secrets_before_sign_too_each_for_a_day(self, post: Post) -> None:
        hook = await post.hook()
        first, second, third = await post.outbox.secret(hook), new_secret(), new_secret()
        await post.lead()
        await post.outbox.rotate(hook, second)
        await self.elapse(SECRET_OVERLAP / 2)
        await post.outbox.rotate(hook, third)

        for secrets in ((third, second, first), (third, second), (third,)):
            attempt = await post.claim_one()
            assert attempt.secrets == secrets
            assert await post.outbox.secret(hook) == third
            await post.outbox.release([attempt])
            await self.elapse(SECRET_OVERLAP / 2)
