"""The inputs and operations of all resources.

Made by tests/generate_client.py from the entities; do not edit.
"""

from crm_http.client.resources.attributes import (
    AttributeCreate,
    AttributeFilters,
    AttributeMerge,
    AttributeOperations,
    AttributeUpdate,
)
from crm_http.client.resources.clients import ClientCreate, ClientFilters, ClientMerge, ClientOperations, ClientUpdate
from crm_http.client.resources.cohorts import CohortCreate, CohortFilters, CohortMerge, CohortOperations, CohortUpdate
from crm_http.client.resources.enrollment_details import (
    EnrollmentDetailCreate,
    EnrollmentDetailFilters,
    EnrollmentDetailMerge,
    EnrollmentDetailOperations,
    EnrollmentDetailUpdate,
)
from crm_http.client.resources.enrollments import (
    EnrollmentCreate,
    EnrollmentFilters,
    EnrollmentMerge,
    EnrollmentOperations,
    EnrollmentUpdate,
)
from crm_http.client.resources.follow_ups import (
    FollowUpCreate,
    FollowUpFilters,
    FollowUpMerge,
    FollowUpOperations,
    FollowUpUpdate,
)
from crm_http.client.resources.leads import LeadCreate, LeadFilters, LeadMerge, LeadOperations, LeadUpdate
from crm_http.client.resources.pipelines import (
    PipelineCreate,
    PipelineFilters,
    PipelineMerge,
    PipelineOperations,
    PipelineUpdate,
)
from crm_http.client.resources.services import (
    ServiceCreate,
    ServiceFilters,
    ServiceMerge,
    ServiceOperations,
    ServiceUpdate,
)
from crm_http.client.resources.transfer_requests import (
    TransferRequestCreate,
    TransferRequestFilters,
    TransferRequestMerge,
    TransferRequestOperations,
    TransferRequestUpdate,
)
from crm_http.client.resources.webhooks import (
    WebhookCreate,
    WebhookFilters,
    WebhookMerge,
    WebhookRecordOperations,
    WebhookUpdate,
)

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
