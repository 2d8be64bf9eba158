"""The inputs and operations of all resources.

Made by tests/generate_client.py from the entities; do not edit.
"""

from crm_core.arguments.attributes import AttributeCreate, AttributeFilters, AttributeMerge, AttributeUpdate
from crm_core.arguments.clients import ClientCreate, ClientFilters, ClientMerge, ClientUpdate
from crm_core.arguments.cohorts import CohortCreate, CohortFilters, CohortMerge, CohortUpdate
from crm_core.arguments.enrollment_details import (
    EnrollmentDetailCreate,
    EnrollmentDetailFilters,
    EnrollmentDetailMerge,
    EnrollmentDetailUpdate,
)
from crm_core.arguments.enrollments import EnrollmentCreate, EnrollmentFilters, EnrollmentMerge, EnrollmentUpdate
from crm_core.arguments.follow_ups import FollowUpCreate, FollowUpFilters, FollowUpMerge, FollowUpUpdate
from crm_core.arguments.leads import LeadCreate, LeadFilters, LeadMerge, LeadUpdate
from crm_core.arguments.pipelines import PipelineCreate, PipelineFilters, PipelineMerge, PipelineUpdate
from crm_core.arguments.services import ServiceCreate, ServiceFilters, ServiceMerge, ServiceUpdate
from crm_core.arguments.transfer_requests import (
    TransferRequestCreate,
    TransferRequestFilters,
    TransferRequestMerge,
    TransferRequestUpdate,
)
from crm_core.arguments.webhooks import WebhookCreate, WebhookFilters, WebhookMerge, WebhookUpdate
from crm_http.client.resources.attributes import AttributeOperations
from crm_http.client.resources.clients import ClientOperations
from crm_http.client.resources.cohorts import CohortOperations
from crm_http.client.resources.enrollment_details import EnrollmentDetailOperations
from crm_http.client.resources.enrollments import EnrollmentOperations
from crm_http.client.resources.follow_ups import FollowUpOperations
from crm_http.client.resources.leads import LeadOperations
from crm_http.client.resources.pipelines import PipelineOperations
from crm_http.client.resources.services import ServiceOperations
from crm_http.client.resources.transfer_requests import TransferRequestOperations
from crm_http.client.resources.webhooks import WebhookRecordOperations

__all__ = [
    "AttributeCreate",
    "AttributeFilters",
    "AttributeMerge",
    "AttributeOperations",
    "AttributeUpdate",
    "ClientCreate",
    "ClientFilters",
    "ClientMerge",
    "ClientOperations",
    "ClientUpdate",
    "CohortCreate",
    "CohortFilters",
    "CohortMerge",
    "CohortOperations",
    "CohortUpdate",
    "EnrollmentCreate",
    "EnrollmentDetailCreate",
    "EnrollmentDetailFilters",
    "EnrollmentDetailMerge",
    "EnrollmentDetailOperations",
    "EnrollmentDetailUpdate",
    "EnrollmentFilters",
    "EnrollmentMerge",
    "EnrollmentOperations",
    "EnrollmentUpdate",
    "FollowUpCreate",
    "FollowUpFilters",
    "FollowUpMerge",
    "FollowUpOperations",
    "FollowUpUpdate",
    "LeadCreate",
    "LeadFilters",
    "LeadMerge",
    "LeadOperations",
    "LeadUpdate",
    "PipelineCreate",
    "PipelineFilters",
    "PipelineMerge",
    "PipelineOperations",
    "PipelineUpdate",
    "ServiceCreate",
    "ServiceFilters",
    "ServiceMerge",
    "ServiceOperations",
    "ServiceUpdate",
    "TransferRequestCreate",
    "TransferRequestFilters",
    "TransferRequestMerge",
    "TransferRequestOperations",
    "TransferRequestUpdate",
    "WebhookCreate",
    "WebhookFilters",
    "WebhookMerge",
    "WebhookRecordOperations",
    "WebhookUpdate",
]
