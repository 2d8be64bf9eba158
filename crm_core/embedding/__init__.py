"""The CRM in your own process: typed calls in the shape of the typed client, without HTTP and without bytes.

``Crm`` is for programs with an event loop; ``SyncCrm`` is for Django, Flask, Celery and scripts. Both return a
``Session`` of one user, whose calls take and return the entities of ``crm_core``, refuse what they do not know, and
raise the errors of ``crm_core.errors``. Underneath are the functions of ``crm_core.use_cases``.
"""

from crm_core.arguments.conversions import ConversionOptions
from crm_core.arguments.summaries import SummaryFilters
from crm_core.bulk.outcomes import Outcome
from crm_core.embedding.administration import GroupCalls, PersonInput, TokenCalls, UserCalls, UserInput
from crm_core.embedding.agenda import AgendaCalls
from crm_core.embedding.any_records import AnyRecordCalls
from crm_core.embedding.calendars import CalendarCalls
from crm_core.embedding.calls import Awaiting, Context, Runner
from crm_core.embedding.changes import ChangeCalls
from crm_core.embedding.crm import Crm, SyncCrm
from crm_core.embedding.evolutions import EvolvingCalls
from crm_core.embedding.followings import AsyncFollowing, Following
from crm_core.embedding.imports import ImportCalls
from crm_core.embedding.items import RecordCallsWithImages, RecordCallsWithTasks
from crm_core.embedding.listings import AsyncListing, Listing
from crm_core.embedding.merges import RecordCallsWithMerges
from crm_core.embedding.portals import Portal
from crm_core.embedding.records import RecordCalls, RecordCallsWithBulk
from crm_core.embedding.rosters import CohortCallsWithRoster
from crm_core.embedding.runners import CallingThread
from crm_core.embedding.sessions import Session, Together
from crm_core.embedding.summaries import PipelineCallsWithSummary
from crm_core.embedding.transfers import TransferCalls
from crm_core.embedding.webhooks import WebhookCalls
from crm_core.imports.status import ImportStatus
from crm_core.model.accounts import Account, IssuedToken
from crm_core.model.agenda import AgendaEntry
from crm_core.model.calendars import Calendar, CalendarItem, CalendarWithSecret
from crm_core.model.change_events import ChangeEvent, ChangesPage
from crm_core.model.duplicates import DuplicateGroup, DuplicateReason, DuplicateRecord
from crm_core.model.erasures import ErasureReport
from crm_core.model.evolutions import ConcernedWebhook, EvolutionReport, FailingValue
from crm_core.model.files import UploadedImage
from crm_core.model.history_entries import HistoryEntry, RestorationEntry
from crm_core.model.list_pages import ListPage
from crm_core.model.read_versions import version_of
from crm_core.model.rosters import Roster, RosterEnrollment, RosterStudent
from crm_core.model.summaries import PipelineSummary, StageSummary, StageTime
from crm_core.use_cases.calendars import Contents
from crm_core.use_cases.users import PasswordReset
from crm_core.use_cases.webhooks import CreatedWebhook
from crm_core.webhooks.reports import DeliveryReport, DryRunResult, WebhookWithSecret

__all__ = [
    "Account",
    "AgendaCalls",
    "AgendaEntry",
    "AnyRecordCalls",
    "AsyncFollowing",
    "AsyncListing",
    "Awaiting",
    "Calendar",
    "CalendarCalls",
    "CalendarItem",
    "CalendarWithSecret",
    "CallingThread",
    "ChangeCalls",
    "ChangeEvent",
    "ChangesPage",
    "CohortCallsWithRoster",
    "ConcernedWebhook",
    "Contents",
    "Context",
    "ConversionOptions",
    "CreatedWebhook",
    "Crm",
    "DeliveryReport",
    "DryRunResult",
    "DuplicateGroup",
    "DuplicateReason",
    "DuplicateRecord",
    "ErasureReport",
    "EvolutionReport",
    "EvolvingCalls",
    "FailingValue",
    "Following",
    "GroupCalls",
    "HistoryEntry",
    "ImportCalls",
    "ImportStatus",
    "IssuedToken",
    "ListPage",
    "Listing",
    "Outcome",
    "PasswordReset",
    "PersonInput",
    "PipelineCallsWithSummary",
    "PipelineSummary",
    "Portal",
    "RecordCalls",
    "RecordCallsWithBulk",
    "RecordCallsWithImages",
    "RecordCallsWithMerges",
    "RecordCallsWithTasks",
    "RestorationEntry",
    "Roster",
    "RosterEnrollment",
    "RosterStudent",
    "Runner",
    "Session",
    "StageSummary",
    "StageTime",
    "SummaryFilters",
    "SyncCrm",
    "Together",
    "TokenCalls",
    "TransferCalls",
    "UploadedImage",
    "UserCalls",
    "UserInput",
    "WebhookCalls",
    "WebhookWithSecret",
    "version_of",
]
