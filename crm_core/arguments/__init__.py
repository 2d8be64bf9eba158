"""What typed operations take, in process and over HTTP: the types of their arguments.

Made by tests/generate_client.py from the entities; do not edit.
"""

from crm_core.arguments.attributes import AttributeCreate, AttributeFilters, AttributeMerge, AttributeUpdate
from crm_core.arguments.bulk import BulkOp, BulkOperation
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
from crm_core.arguments.items import (
    ConditionInput,
    FilterValue,
    ImportInput,
    NoteInput,
    StageInput,
    TaskChange,
    TaskInput,
    TeachingAssistantInput,
)
from crm_core.arguments.leads import LeadCreate, LeadFilters, LeadMerge, LeadUpdate
from crm_core.arguments.pipelines import PipelineCreate, PipelineFilters, PipelineMerge, PipelineUpdate
from crm_core.arguments.services import ServiceCreate, ServiceFilters, ServiceMerge, ServiceUpdate
from crm_core.arguments.transfer_requests import (
    TransferRequestCreate,
    TransferRequestFilters,
    TransferRequestMerge,
    TransferRequestUpdate,
)
from crm_core.arguments.values import UniqueParameter
from crm_core.arguments.webhooks import WebhookCreate, WebhookFilters, WebhookMerge, WebhookUpdate

__all__ = [
    "AttributeCreate",
    "AttributeFilters",
    "AttributeMerge",
    "AttributeUpdate",
    "BulkOp",
    "BulkOperation",
    "ClientCreate",
    "ClientFilters",
    "ClientMerge",
    "ClientUpdate",
    "CohortCreate",
    "CohortFilters",
    "CohortMerge",
    "CohortUpdate",
    "ConditionInput",
    "EnrollmentCreate",
    "EnrollmentDetailCreate",
    "EnrollmentDetailFilters",
    "EnrollmentDetailMerge",
    "EnrollmentDetailUpdate",
    "EnrollmentFilters",
    "EnrollmentMerge",
    "EnrollmentUpdate",
    "FilterValue",
    "FollowUpCreate",
    "FollowUpFilters",
    "FollowUpMerge",
    "FollowUpUpdate",
    "ImportInput",
    "LeadCreate",
    "LeadFilters",
    "LeadMerge",
    "LeadUpdate",
    "NoteInput",
    "PipelineCreate",
    "PipelineFilters",
    "PipelineMerge",
    "PipelineUpdate",
    "ServiceCreate",
    "ServiceFilters",
    "ServiceMerge",
    "ServiceUpdate",
    "StageInput",
    "TaskChange",
    "TaskInput",
    "TeachingAssistantInput",
    "TransferRequestCreate",
    "TransferRequestFilters",
    "TransferRequestMerge",
    "TransferRequestUpdate",
    "UniqueParameter",
    "WebhookCreate",
    "WebhookFilters",
    "WebhookMerge",
    "WebhookUpdate",
]
