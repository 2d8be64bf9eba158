"""Facts about transfer requests that are accepted or declined."""

# ruff: noqa: D102  # a test's name is the fact that it states

from crm_core.errors import TransferDecidedError
from crm_core.model.records import Key
from crm_core.resources import (
    CLIENTS,
    COHORTS,
    ENROLLMENT_DETAILS,
    ENROLLMENTS,
    SERVICES,
    TRANSFER_REQUESTS,
)
from crm_core.testing.scene import Facts, Scene, at_once, fact
from crm_core.testing.versions import versions_of
from crm_core.use_cases import restorations, transfers
from crm_core.use_cases.restorations import Target


class TransferFacts(Facts):
    """Decisions of transfer requests."""

    @fact
    async def test_an_accepted_request_moves_the_student_and_the_details_in_one_commit(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="a")
        old, new = [await scene.create(COHORTS, name_cohort=name) for name in ("old", "new")]
        student = await scene.create(SERVICES, name="s", client=client, actual_cohort=old)
        before, after = [await scene.create(ENROLLMENTS, cohort=id_, pathway_name="p") for id_ in (old, new)]
        detail = await scene.create(ENROLLMENT_DETAILS, enrollment=before, student=student)
        request = await scene.create(TRANSFER_REQUESTS, student=student, cohort_request="new")
        who = scene.who
        await transfers.accept(scene.db, who, request, {"cohort": str(new)})

        decided = await scene.value(TRANSFER_REQUESTS, request)
        assert (decided.state, decided.decided_at, decided.decided_by) == ("accepted", who.now, who.actor.user.id)
        assert (await scene.value(SERVICES, student)).actual_cohort == new
        assert (await scene.value(ENROLLMENT_DETAILS, detail)).enrollment == after
        followed = await scene.db.followers(Key("transfer_request", request), 2)
        assert {event.record for event in followed} == {student, detail}
        assert await scene.found(TRANSFER_REQUESTS, state="open") == []

    @fact
    async def test_a_request_names_its_cohort_by_its_name(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="a")
        cohort = await scene.create(COHORTS, name_cohort="Winter")
        student = await scene.create(SERVICES, name="s", client=client)
        request = await scene.create(TRANSFER_REQUESTS, student=student, cohort_request="Winter")
        await transfers.accept(scene.db, scene.who, request, {})

        assert (await scene.value(SERVICES, student)).actual_cohort == cohort

    @fact
    async def test_of_many_decisions_at_once_one_counts(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="a")
        await scene.create(COHORTS, name_cohort="c")
        student = await scene.create(SERVICES, name="s", client=client)
        request = await scene.create(TRANSFER_REQUESTS, student=student, cohort_request="c")
        decide = [transfers.accept(scene.db, scene.who, request, {}) for _ in range(3)]
        outcomes = await at_once(*decide, transfers.decline(scene.db, scene.who, request))

        assert [isinstance(outcome, TransferDecidedError) for outcome in outcomes].count(False) == 1
        assert await scene.version(TRANSFER_REQUESTS, request) == 2

    @fact
    async def test_a_decided_request_is_in_its_history_and_comes_back_as_it_was(self, scene: Scene) -> None:
        student = await scene.create(SERVICES, name="s", client=await scene.create(CLIENTS, name="a"))
        request = await scene.create(TRANSFER_REQUESTS, student=student, cohort_request="c")
        await transfers.decline(scene.db, scene.who, request)
        decided = await scene.value(TRANSFER_REQUESTS, request)
        assert await versions_of(scene.db, scene.who, TRANSFER_REQUESTS, request)
        await scene.delete(TRANSFER_REQUESTS, request)
        await restorations.restore(scene.db, scene.who, Target(TRANSFER_REQUESTS, request, 2), {})

        returned = await scene.value(TRANSFER_REQUESTS, request)
        assert (returned.state, returned.decided_at) == ("declined", decided.decided_at)
        await restorations.restore(scene.db, scene.who, Target(TRANSFER_REQUESTS, request, 1), {})
        assert (await scene.value(TRANSFER_REQUESTS, request)).state == "declined"
