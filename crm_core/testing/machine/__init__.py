"""A state machine (Hypothesis) that runs the same operations on two databases and compares their answers.

Steps are drawn at random: any use case on any resource, by one of two users, alone or both concurrently, repeated with
the same idempotency key, with an expected version, or without a permission. Each answer is compared.
"""

from crm_core.testing.machine.agreement import DatabasesAgree, assert_agreement
from crm_core.testing.machine.lists import whole_agenda
from crm_core.testing.pairs import DISABLED_USER, USERS, OpenPair

__all__ = ["DISABLED_USER", "USERS", "DatabasesAgree", "OpenPair", "assert_agreement", "whole_agenda"]
