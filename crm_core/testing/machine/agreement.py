"""The machine as a whole: its settings, how it begins and ends, and what it is run by."""

import asyncio
import itertools
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from typing import Final
from uuid import UUID

from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import initialize, run_state_machine_as_test

from crm_core.model.entities import ATTRIBUTE_TYPES
from crm_core.model.records import Key
from crm_core.model.registered import registered, sample_of
from crm_core.registration import completed_sample
from crm_core.resources import (
    ATTRIBUTES,
    CLIENTS,
    COHORTS,
    ENROLLMENT_DETAILS,
    ENROLLMENTS,
    FOLLOW_UPS,
    LEADS,
    PIPELINES,
    RESOURCES,
    SERVICES,
    TRANSFER_REQUESTS,
    WEBHOOKS,
    Resource,
)
from crm_core.testing.machine.changes import ChangingSteps
from crm_core.testing.machine.imports import ImportingSteps
from crm_core.testing.machine.lists import ReadingSteps, whole_agenda
from crm_core.testing.machine.meetings import MeetingSteps
from crm_core.testing.pairs import DeliveriesOf, FeedOf, ImportsOf, OpenPair, Pair
from crm_core.testing.readings import changed_fields, whole_list
from crm_core.testing.usual_faults import compare_usual_faults
from crm_core.testing.versions import versions_of

#: What is slow or large here is so on purpose.
_UNCHECKED: Final = (
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.too_slow,
    HealthCheck.large_base_example,
)
_QUICK: Final = hypothesis_settings(
    max_examples=20, stateful_step_count=30, phases=[Phase.generate], derandomize=True, database=None
)


def assert_agreement(
    open_pair: OpenPair,
    *,
    feed_of: FeedOf | None = None,
    deliveries_of: DeliveriesOf | None = None,
    imports_of: ImportsOf | None = None,
    settings: hypothesis_settings | None = None,
    runner: asyncio.Runner | None = None,
) -> None:
    """Try what databases usually get wrong, then run the state machine; raise AssertionError if the databases differ.

    Args:
        open_pair: opens the two databases, the model first.
        feed_of: returns the feed of each of them; without it feeds are not compared.
        deliveries_of: returns the log of the deliveries of each of them; without it these are not compared.
        imports_of: returns the runs of imports of each of them; without it nothing is imported.
        settings: how many examples of how many steps, and whether a failure is shrunk; by default 20 of 30 steps, the
            same each time, without shrinking, which takes minutes. Deadlines and health checks are always off. A
            failure names its last steps; with ``verbosity=Verbosity.verbose`` also what Hypothesis drew.
        runner: the runner whose event loop the databases already use, if they do.
    """
    settings = settings or _QUICK
    with nullcontext(runner) if runner else asyncio.Runner() as running:

        def machine() -> DatabasesAgree:
            return DatabasesAgree(Pair(running, open_pair, feed_of, deliveries_of, imports_of))

        machine().compare_usual_faults()
        run_state_machine_as_test(
            machine,  # type: ignore[arg-type]  # its documentation accepts any factory
            settings=hypothesis_settings(
                settings,
                deadline=None,
                suppress_health_check=_UNCHECKED,
                report_multiple_bugs=False,
                verbosity=settings.verbosity if settings.verbosity > Verbosity.normal else Verbosity.quiet,
            ),
        )


class DatabasesAgree(ChangingSteps, ImportingSteps, MeetingSteps, ReadingSteps):
    """Runs use cases on two databases and compares the answers."""

    def teardown(self) -> None:
        """Compare all lists, histories and feeds at the end."""
        try:
            self._pair.compare_feeds()
            self._pair.compare_deliveries()
            self._pair.compare("read the agenda", partial(whole_agenda, params={}))
            for resource in RESOURCES.values():
                self._pair.compare(f"list {resource.name}", partial(whole_list, resource=resource, params={}))
                for id_ in (*self._ids[resource.name], *self._gone[resource.name]):
                    self._compare_history(resource, id_)
        finally:
            self._pair.close()

    def _compare_history(self, resource: Resource, id_: UUID) -> None:
        changed = partial(changed_fields, key=Key(resource.name, id_), since=0)
        self._pair.compare(f"read the changed fields of {resource.name} {id_}", changed)
        versions = partial(versions_of, resource=resource, id_=id_)
        self._pair.compare(f"read all versions of {resource.name} {id_}", versions)

    @initialize()
    def begin(self) -> None:
        """Create a few records of every resource, so that there are some to refer to, to list and to change."""
        for entity, type_ in itertools.product(("client", "lead"), ATTRIBUTE_TYPES):
            self._create(ATTRIBUTES, {"name": type_, "label": type_, "type": type_}, entity)
        self._create(ATTRIBUTES, {"name": "key", "label": "k", "type": "text", "is_unique": True}, "client")
        self._create(WEBHOOKS, {"name": "w", "model": "Lead", "url": "https://example.com/{id}", "headers": {"X": "s"}})
        self._create(CLIENTS, {"name": "without anything"})
        for name in ("a", "B", "%", "\u00e9"):
            activity = {"list_of_tasks": [{"task": name}], "list_of_notes": [{"note": name}]}
            client = self._create(CLIENTS, {"name": name, "attributes": {"text": name, "number": 1}, **activity})
            cohort = self._create(COHORTS, {"name_cohort": name})
            self._begin_student({"name": name, "client": client, "actual_cohort": cohort})
            pipeline = self._create(PIPELINES, {"name": name, "stages": [{"name": "A"}, {"name": name + "B"}]})
            self._create(LEADS, {"name": name, "pipeline": pipeline, "attributes": {"text": f"{name} "}, **activity})
        for each in registered():
            resource, ids = RESOURCES[each.name], {to: ids[-1] for to, ids in self._ids.items() if ids}
            self._create(resource, completed_sample(resource, sample_of(each.name), ids))

    def compare_usual_faults(self) -> None:
        """Run the steps that usual faults show in, and close the databases."""
        try:
            self.begin()
            compare_usual_faults(self._pair, self._ids["client"])
        finally:
            self._pair.close()

    def _begin_student(self, student: Mapping[str, object]) -> None:
        service = self._create(SERVICES, student)
        enrollment = self._create(ENROLLMENTS, {"cohort": student["actual_cohort"], "pathway_name": student["name"]})
        self._create(ENROLLMENT_DETAILS, {"enrollment": enrollment, "student": service})
        self._create(TRANSFER_REQUESTS, {"student": service, "cohort_request": student["name"]})
        self._create(FOLLOW_UPS, {"comment": student["name"]}, service)
