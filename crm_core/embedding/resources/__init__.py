"""The operations of all resources.

Made by tests/generate_client.py from the entities; do not edit.
"""

from crm_core.embedding.resources.attributes import AttributeCalls
from crm_core.embedding.resources.clients import ClientCalls
from crm_core.embedding.resources.cohorts import CohortCalls
from crm_core.embedding.resources.enrollment_details import EnrollmentDetailCalls
from crm_core.embedding.resources.enrollments import EnrollmentCalls
from crm_core.embedding.resources.follow_ups import FollowUpCalls
from crm_core.embedding.resources.leads import LeadCalls
from crm_core.embedding.resources.pipelines import PipelineCalls
from crm_core.embedding.resources.services import ServiceCalls
from crm_core.embedding.resources.transfer_requests import TransferRequestCalls
from crm_core.embedding.resources.webhooks import WebhookRecordCalls

__all__ = [
    "AttributeCalls",
    "ClientCalls",
    "CohortCalls",
    "EnrollmentCalls",
    "EnrollmentDetailCalls",
    "FollowUpCalls",
    "LeadCalls",
    "PipelineCalls",
    "ServiceCalls",
    "TransferRequestCalls",
    "WebhookRecordCalls",
]
