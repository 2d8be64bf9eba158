"""A typed client of the API, synchronous and asynchronous: ``pip install 'crm-core[client]'``.

All that a consumer of the API needs can be imported from here. Records are the entities of ``crm_core``; its
``Client``, a company, is named ``ClientRecord`` here, as ``Client`` is the connection. The fields that operations take
are in ``crm_http.client.resources``. Requests of webhooks are read by ``WebhookReceiver``.

Errors are those of ``crm_core.errors``, under ``CrmError``; four more exist only here: ``NoResponseError`` and
``UnexpectedResponseError`` of requests, ``SignatureError`` and ``UnreadableEventError`` of webhooks. The server's own
dependencies are not needed.

Failed requests are retried with growing waits if a repetition cannot do anything twice: reads; creating and changing
records, with an ``Idempotency-Key`` that the client makes; deletes, where a record that is already gone counts as
deleted. Any request is retried that did not reach a server or was throttled (429). A conflict (409) is final.
"""

import crm_http.client.needed  # noqa: F401  # first, so that what is missing is named
from crm_core.arguments.bulk import BulkOp, BulkOperation
from crm_core.arguments.conversions import ConversionOptions
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
from crm_core.arguments.summaries import SummaryFilters
from crm_core.embedding.files import ImportedFile
from crm_core.embedding.followings import AsyncFollowing, Following
from crm_core.embedding.listings import AsyncListing, Listing
from crm_core.errors import (
    AttributeInUseError,
    CrmError,
    CursorGoneError,
    DeliveryFinishedError,
    ErasedError,
    IdempotencyKeyReusedError,
    ImportFinishedError,
    InUseError,
    InvalidError,
    MergedError,
    NotAuthenticatedError,
    NotFoundError,
    PermissionDeniedError,
    Problem,
    Problems,
    RequestInProgressError,
    RestoreRefusedError,
    SameFileError,
    ThrottledError,
    TransferDecidedError,
    UnavailableError,
    UndoRefusedError,
    UnregisteredError,
    VersionConflictError,
)
from crm_core.imports.status import ImportExample, ImportProblem, ImportStatus
from crm_core.model.accounts import OwnToken, User
from crm_core.model.calendars import Calendar
from crm_core.model.change_events import ChangeEvent, ChangesPage
from crm_core.model.duplicates import DuplicateGroup, DuplicateReason, DuplicateRecord
from crm_core.model.entities import (
    Attribute,
    Cohort,
    Enrollment,
    EnrollmentDetail,
    EntityWithAttributes,
    FollowUp,
    Lead,
    Note,
    Pipeline,
    Service,
    Stage,
    Task,
    TeachingAssistant,
    TransferRequest,
)
from crm_core.model.entities import Client as ClientRecord
from crm_core.model.erasures import ErasedRecord, ErasureReport, MentioningRecord
from crm_core.model.events import EventKind
from crm_core.model.evolutions import ConcernedWebhook, EvolutionReport, FailingValue
from crm_core.model.files import UploadedImage
from crm_core.model.history_entries import HistoryEntry, RestorationEntry
from crm_core.model.list_pages import ListPage
from crm_core.model.read_versions import version_of
from crm_core.model.rosters import Roster, RosterEnrollment, RosterStudent
from crm_core.model.summaries import PipelineSummary, StageSummary, StageTime
from crm_core.webhooks.deliveries import DeliveryState
from crm_core.webhooks.entity import Condition, Webhook
from crm_core.webhooks.reports import DeliveryReport, DryRunResult, WebhookWithSecret
from crm_http.client.agenda import AgendaOperations, CalendarOperations
from crm_http.client.any_records import AnyRecordOperations
from crm_http.client.bulk import BulkResult, BulkResults
from crm_http.client.changes import ChangeOperations
from crm_http.client.clients import AsyncClient, Client, Me
from crm_http.client.evolutions import EvolvingOperations
from crm_http.client.import_operations import ImportOperations
from crm_http.client.item_operations import RecordOperationsWithImages, RecordOperationsWithTasks
from crm_http.client.operations import AsyncDriver, Driver
from crm_http.client.records import RecordOperations, RecordOperationsWithBulk
from crm_http.client.responses import NoResponseError, UnexpectedResponseError
from crm_http.client.retries import Retry
from crm_http.client.roster_operations import CohortOperationsWithRoster
from crm_http.client.summary_operations import PipelineOperationsWithSummary
from crm_http.client.token_operations import TokenOperations
from crm_http.client.transfer_operations import TransferOperations
from crm_http.client.webhook_operations import WebhookOperations
from crm_http.client.webhooks import (
    Erased,
    FieldChange,
    ItemChanges,
    SignatureError,
    UnreadableEventError,
    WatchedRecord,
    WebhookEvent,
    WebhookReceiver,
)
from crm_http.payloads.agenda import AgendaEntry, CalendarWithSecret

__all__ = [
    "AgendaEntry",
    "AgendaOperations",
    "AnyRecordOperations",
    "AsyncClient",
    "AsyncDriver",
    "AsyncFollowing",
    "AsyncListing",
    "Attribute",
    "AttributeInUseError",
    "BulkOp",
    "BulkOperation",
    "BulkResult",
    "BulkResults",
    "Calendar",
    "CalendarOperations",
    "CalendarWithSecret",
    "ChangeEvent",
    "ChangeOperations",
    "ChangesPage",
    "Client",
    "ClientRecord",
    "Cohort",
    "CohortOperationsWithRoster",
    "ConcernedWebhook",
    "Condition",
    "ConditionInput",
    "ConversionOptions",
    "CrmError",
    "CursorGoneError",
    "DeliveryFinishedError",
    "DeliveryReport",
    "DeliveryState",
    "Driver",
    "DryRunResult",
    "DuplicateGroup",
    "DuplicateReason",
    "DuplicateRecord",
    "Enrollment",
    "EnrollmentDetail",
    "EntityWithAttributes",
    "Erased",
    "ErasedError",
    "ErasedRecord",
    "ErasureReport",
    "EventKind",
    "EvolutionReport",
    "EvolvingOperations",
    "FailingValue",
    "FieldChange",
    "FilterValue",
    "FollowUp",
    "Following",
    "HistoryEntry",
    "IdempotencyKeyReusedError",
    "ImportExample",
    "ImportFinishedError",
    "ImportInput",
    "ImportOperations",
    "ImportProblem",
    "ImportStatus",
    "ImportedFile",
    "InUseError",
    "InvalidError",
    "ItemChanges",
    "Lead",
    "ListPage",
    "Listing",
    "Me",
    "MentioningRecord",
    "MergedError",
    "NoResponseError",
    "NotAuthenticatedError",
    "NotFoundError",
    "Note",
    "NoteInput",
    "OwnToken",
    "PermissionDeniedError",
    "Pipeline",
    "PipelineOperationsWithSummary",
    "PipelineSummary",
    "Problem",
    "Problems",
    "RecordOperations",
    "RecordOperationsWithBulk",
    "RecordOperationsWithImages",
    "RecordOperationsWithTasks",
    "RequestInProgressError",
    "RestorationEntry",
    "RestoreRefusedError",
    "Retry",
    "Roster",
    "RosterEnrollment",
    "RosterStudent",
    "SameFileError",
    "Service",
    "SignatureError",
    "Stage",
    "StageInput",
    "StageSummary",
    "StageTime",
    "SummaryFilters",
    "Task",
    "TaskChange",
    "TaskInput",
    "TeachingAssistant",
    "TeachingAssistantInput",
    "ThrottledError",
    "TokenOperations",
    "TransferDecidedError",
    "TransferOperations",
    "TransferRequest",
    "UnavailableError",
    "UndoRefusedError",
    "UnexpectedResponseError",
    "UnreadableEventError",
    "UnregisteredError",
    "UploadedImage",
    "User",
    "VersionConflictError",
    "WatchedRecord",
    "Webhook",
    "WebhookEvent",
    "WebhookOperations",
    "WebhookReceiver",
    "WebhookWithSecret",
    "version_of",
]
