"""Permissions as Django names them, and the groups that exist from the start (decision 24)."""

from collections.abc import Iterable, Mapping
from typing import Final

from crm_core.model.registered import DerivedNames, registered

ACTIONS: Final = ("view", "add", "change", "delete")


#: The names of the CRM's own models; registered resources have others.
MODEL_NAMES: Final = (
    "client",
    "service",
    "lead",
    "followup",
    "pipeline",
    "cohort",
    "enrollment",
    "enrollmentdetail",
    "transferrequest",
    "attribute",
    "webhook",
    "user",
)


def permission(action: str, model: str) -> str:
    """Return a permission as Django names it: ``app.add_lead``."""
    return f"app.{action}_{model}"


def _all_of(*models: str, actions: Iterable[str] = ACTIONS) -> frozenset[str]:
    return frozenset(permission(action, model) for model in models for action in actions)


_OWN: Final = _all_of(*MODEL_NAMES)
#: All permissions, in alphabetical order.
PERMISSIONS: Final = DerivedNames(lambda: sorted(_OWN | _all_of(*(each.model_name for each in registered()))))


def _view_all_but(*models: str) -> frozenset[str]:
    return _all_of(*(model for model in MODEL_NAMES if model not in models), actions=("view",))


_TEACHING = _view_all_but("webhook", "lead", "client") | _all_of("followup", actions=("add", "change"))


#: The groups that exist from the start (decision 24).
#:
#: A store gets them when it is first set up; from then on administrators change them. So a permission that is added
#: here reaches only new databases: a migration must grant it in existing ones, or say that `crm group grant` does.
GROUPS: Final[Mapping[str, frozenset[str]]] = {
    "Sales": _all_of("client", "lead", "followup")
    | _all_of("service", actions=("view", "add", "change"))
    | _view_all_but("webhook"),
    "Operations": _OWN - _all_of("webhook", "attribute", actions=("add", "change", "delete")),
    "Instructors": _TEACHING,
    "Teacher Assistant": _TEACHING,
}
