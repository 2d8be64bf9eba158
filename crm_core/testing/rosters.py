"""Facts about rosters of cohorts."""

# ruff: noqa: D102  # a test's name is the fact that it states

import attrs
import pytest

from crm_core.errors import NotFoundError, PermissionDeniedError
from crm_core.model.permissions import PERMISSIONS
from crm_core.resources import CLIENTS, COHORTS, ENROLLMENT_DETAILS, ENROLLMENTS, SERVICES, TRANSFER_REQUESTS
from crm_core.testing.scans import assert_roster
from crm_core.testing.scene import Facts, Scene, fact
from crm_core.use_cases import rosters, transfers
from crm_core.use_cases.callers import new_id


class RosterFacts(Facts):
    """Rosters."""

    @fact
    async def test_a_roster_has_enrollments_their_students_and_their_open_requests(self, scene: Scene) -> None:
        client, cohort = await scene.create(CLIENTS, name="a"), await scene.create(COHORTS, name_cohort="c")
        other = await scene.create(COHORTS, name_cohort="o")
        assistants = [{"id": 1, "name": "t"}]
        first, second, elsewhere = [
            await scene.create(ENROLLMENTS, cohort=id_, pathway_name=name, teaching_assistants=assistants)
            for id_, name in ((cohort, "1"), (cohort, "2"), (other, "3"))
        ]
        zoe, ann, out = [
            await scene.create(SERVICES, name=name, client=client, actual_cohort=cohort) for name in ("Zoë", "ann", "x")
        ]
        for enrollment, student in ((first, zoe), (first, ann), (second, ann), (elsewhere, out)):
            await scene.create(ENROLLMENT_DETAILS, enrollment=enrollment, student=student)
        still_open, declined, _ = [
            await scene.create(TRANSFER_REQUESTS, student=student, cohort_request="o") for student in (zoe, ann, out)
        ]
        await transfers.decline(scene.db, scene.who, declined)
        roster = await assert_roster(scene.db, scene.who, cohort)

        assert roster.cohort == await scene.value(COHORTS, cohort)
        assert [each.id for each in roster.enrollments] == [first, second]
        assert [[student.name for student in each.students] for each in roster.enrollments] == [["ann", "Zoë"], ["ann"]]
        assert [each.name for each in roster.enrollments[0].teaching_assistants] == ["t"]
        assert [request.id for request in roster.transfer_requests] == [still_open]

    @fact
    async def test_a_roster_of_a_new_cohort_is_empty_and_of_none_is_not_found(self, scene: Scene) -> None:
        roster = await rosters.roster(scene.db, scene.who, await scene.create(COHORTS, name_cohort="c"))

        assert (roster.enrollments, roster.transfer_requests, roster.is_complete) == ((), (), True)
        with pytest.raises(NotFoundError):
            await rosters.roster(scene.db, scene.who, new_id())

    @fact
    async def test_a_roster_is_for_those_who_may_view_all_of_it(self, scene: Scene) -> None:
        cohort = await scene.create(COHORTS, name_cohort="c")
        for resource in rosters.SHOWN:
            permissions = PERMISSIONS - {resource.permission("view")}
            actor = attrs.evolve(scene.who.actor, is_superuser=False, permissions=permissions)
            with pytest.raises(PermissionDeniedError):
                await rosters.roster(scene.db, attrs.evolve(scene.who, actor=actor), cohort)
