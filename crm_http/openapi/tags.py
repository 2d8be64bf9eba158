"""The headings of the document, in the order of ``docs/api.md``, each with what is under it."""

from collections.abc import Mapping
from typing import Final

from crm_core.model.registered import registered
from crm_core.resources import RESOURCES
from crm_http.api.routes.records import tag_of

TAGS: Final[Mapping[str, str]] = {
    "Authentication": "Log in, log out, and show who the caller is and what they may do.",
    "Attributes": "The dynamic schema: which attributes clients, services, leads and follow-ups have. "
    "An attribute must be created before records can hold its values.",
    "Clients": "The companies and persons that buy training.",
    "Services": "The students, for whom clients bought training.",
    "Pipelines": "The sales pipelines, each with the stages that leads go through.",
    "Leads": "The prospective clients.",
    "Follow-ups": "The contacts with a student after the sale.",
    "Cohorts": "The groups of students who start together.",
    "Enrollments": "The pathways that are taught to cohorts.",
    "Enrollment details": "Which student is in which enrollment.",
    "Transfer requests": "The requests of students to move to another cohort.",
    "Users": "The lists of users, by group. They are read-only: administrators manage users on the command line.",
    "Webhooks": "HTTP calls to other systems when leads, clients, services or follow-ups change: "
    "their settings, the log of their deliveries, and what they send.",
    "Agenda": "The tasks of all clients, services and leads in one list, by their dates.",
    "Changes": "The change feed: who changed what, in one order, to be followed without a gap.",
    "Imports": "Files that become records: how far they are, what is refused in them, and their end.",
    "About": "This description, the page that shows it, and the health of the server.",
}


def all_tags() -> Mapping[str, str]:
    """Return the headings with those of registered resources, which come before the last one."""
    *first, last = TAGS.items()
    added = (RESOURCES[each.name] for each in registered())
    return dict([*first, *((tag_of(each), f"The {each.label[1]}.") for each in added), last])
