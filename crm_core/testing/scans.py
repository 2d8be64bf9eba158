"""What reports must show, by a scan of all documents."""

from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_core.engine.queries import Page
from crm_core.model.accounts import Caller
from crm_core.model.entities import OPEN
from crm_core.model.plain_values import entity_of, parse_json
from crm_core.model.rosters import Roster
from crm_core.model.summaries import NOBODY, PipelineSummary
from crm_core.ports import Database
from crm_core.resources import ENROLLMENT_DETAILS, ENROLLMENTS, LEADS, TRANSFER_REQUESTS, Resource
from crm_core.use_cases import records, rosters, summaries


async def assert_roster(db: Database, who: Caller, cohort: UUID) -> Roster:
    """Return a roster. Raises AssertionError if it is not what the documents of all resources say."""
    found = await rosters.roster(db, who, cohort)
    taught = [each for each in await _all(db, who, ENROLLMENTS) if each.cohort == cohort]
    details = await _all(db, who, ENROLLMENT_DETAILS)
    places = {each.id: {detail.student for detail in details if detail.enrollment == each.id} for each in taught}
    assert {each.id: {student.id for student in each.students} for each in found.enrollments} == places
    students = {student for of_one in places.values() for student in of_one}
    requests = [each for each in await _all(db, who, TRANSFER_REQUESTS) if each.state == OPEN]
    assert list(found.transfer_requests) == [each for each in requests[::-1] if each.student in students]
    assert found.is_complete
    return found


async def assert_summary(db: Database, who: Caller, pipeline: UUID, params: Mapping[str, str]) -> PipelineSummary:
    """Return the summary of a pipeline. Raises AssertionError if it is not what the documents of its leads say."""
    found = await summaries.summary(db, who, pipeline, params)
    everybody = [each for each in await _all(db, who, LEADS) if each.pipeline == pipeline]
    leads = [each for each in everybody if found.responsible in (None, each.responsible)]
    assert sum(stage.leads for stage in found.stages) + found.without_stage == len(leads)
    for stage in found.stages:
        # A lead in a stage has its name; one whose stage is gone may have the name of another one.
        named = Counter(str(each.responsible or NOBODY) for each in leads if each.stage == stage.name)
        assert Counter(stage.by_responsible) <= named
        assert sum(stage.by_responsible.values()) == stage.leads
    return found


async def _all(db: Database, who: Caller, resource: Resource) -> list[Any]:
    """Return all records of a resource, the newest first."""
    _, pieces = await records.find(db, who, resource, {})
    assert not isinstance(pieces, Page)
    body = b"".join([piece async for piece in pieces])
    return [entity_of(resource.entity, document) for document in parse_json(b"[%b]" % body)]
