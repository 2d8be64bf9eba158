"""What embedders and adapter authors may import. A change of these lists changes what others have written."""

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence

import pytest

PUBLIC: Mapping[str, str] = {
    "crm_core": """
        AgendaPage AgendaQuery AgendaTask Calendar CalendarItem CalendarWriter NewCalendar TASK_RESOURCES agenda_page
        ACTIVE_USER ATTRIBUTES Account Accounts Actor Actors AfterCommit Attempt Attribute Authentication
        BulkRefusedError
        CLIENTS COHORTS Caller Catalog Changes Claim Client Cohort Condition CrmError Cursor CursorGoneError Database
        Decide Decision Delivery DeliveryDetail DeliveryFinishedError DeliveryLog DeliveryState Document
        AttributeInUseError DuplicateRequestError ErasedError ENROLLMENTS
        ENROLLMENT_DETAILS Enrollment EnrollmentDetail Event EventKind FOLLOW_UPS
        Failures Feed FeedEvent FeedPage FileStore Filter FixedPoint FollowUp GROUPS Health Idempotency
        IdempotencyKeyReusedError
        ImageHeader InUseError UnregisteredError
        InvalidError IssuedToken Key Known LEADS Lead LogQuery LoggedDelivery MAX_FEED_BYTES MAX_FEED_PAGE Needs
        NewToken NotAuthenticatedError NotFoundError Note OpenFile Outbox Outcome OwnToken PERMISSIONS PIPELINES Page
        Passwords PermissionDeniedError Pipeline Position Problem Problems Put Query RECEIPTS_KEPT RESOURCES ReadHeader
        Receipt ReceiptKey Record Remove Reply RequestInProgressError Resource RestoreRefusedError Result Retries
        SERVICES
        Search Service Stage Steps StoredFile TRANSFER_REQUESTS Task TeachingAssistant ThrottledError TooLargeError
        StageFigures StageQuery TransferDecidedError
        TransferRequest UnavailableError UnknownUserError User UserChange UsernameTakenError Users VersionConflictError
        WEBHOOKS Webhook WebhookRequest WebhookSender WrongCredentialsError cursor_of flatten fold make_attempt matches
        searched_text sort_key sorting_key
        Advance ArchiveDirectory ArchiveError ArchivedRecord Archives Duplicates Filling Group Holder
        ImportFinishedError ImportOptions ImportRun ImportRuns Lookalike LookalikePage MergedError OpenTable RefusedRow
        RunLostError SameFileError Snapshot TableReader UndoRefusedError UniqueAttribute UniqueValue
        UnreadableTableError WorkbookWriter duplicates_among holder_among page_alike
        Proposal RegistrationError register use_resources without_needs
    """,
    "crm_core.arguments": """
        AttributeCreate AttributeFilters AttributeMerge AttributeUpdate BulkOp BulkOperation ClientCreate
        ClientFilters ClientMerge ClientUpdate CohortCreate CohortFilters CohortMerge CohortUpdate ConditionInput
        EnrollmentCreate EnrollmentDetailCreate EnrollmentDetailFilters EnrollmentDetailMerge EnrollmentDetailUpdate
        EnrollmentFilters EnrollmentMerge EnrollmentUpdate FilterValue FollowUpCreate FollowUpFilters FollowUpMerge
        FollowUpUpdate ImportInput LeadCreate LeadFilters LeadMerge LeadUpdate NoteInput PipelineCreate PipelineFilters
        PipelineMerge PipelineUpdate ServiceCreate ServiceFilters ServiceMerge ServiceUpdate StageInput TaskChange
        TaskInput TeachingAssistantInput TransferRequestCreate TransferRequestFilters TransferRequestMerge
        TransferRequestUpdate UniqueParameter WebhookCreate WebhookFilters WebhookMerge WebhookUpdate
    """,
    "crm_core.embedding": """
        Account Calendar CalendarCalls CalendarItem CalendarWithSecret Contents CreatedWebhook GroupCalls IssuedToken
        PasswordReset PersonInput TokenCalls UserCalls UserInput
        AnyRecordCalls
        AgendaCalls AgendaEntry AsyncFollowing AsyncListing Awaiting CallingThread ChangeCalls ChangeEvent ChangesPage
        CohortCallsWithRoster ConcernedWebhook Context ConversionOptions Crm DeliveryReport DryRunResult DuplicateGroup
        DuplicateReason DuplicateRecord ErasureReport EvolutionReport EvolvingCalls FailingValue Following HistoryEntry
        ImportCalls ImportStatus ListPage Listing Outcome PipelineCallsWithSummary PipelineSummary Portal RecordCalls
        RecordCallsWithBulk RecordCallsWithImages RecordCallsWithMerges RecordCallsWithTasks RestorationEntry Roster
        RosterEnrollment RosterStudent Runner Session StageSummary StageTime SummaryFilters SyncCrm Together
        TransferCalls UploadedImage WebhookCalls WebhookWithSecret version_of
    """,
    "crm_core.fields": """
        REQUIRED FixedPoint attribute_values boolean choice date_value datetime_value decimal identity integer items
        json_value last_change money output_only reference text texts user
    """,
    "crm_core.rules": """
        Logic OperatorName UnfillableError attribute_problems change_task conditions_hold fill_header fill_url
        read_record
    """,
    "crm_core.use_cases": """
        DeliveryWorker Hooks Images ImportRunner ImportStores Imports UnitOfWork Upload accounts agendas archives bulk
        calendars caller changes duplicates erasures evolutions history import_requests imports merges new_id new_secret
        records register_installed
        restorations rosters summaries sweeping tokens transfers uniqueness unit_of_work uploads upserts users
        webhooks
    """,
    "crm_core.testing": """
        DISABLED_USER USERS AccountsContract ArchivesContract DatabaseContract FeedContract FileStoreContract
        ImportRunsContract InvalidAttributes OpenPair Opened OpenedArchives OpenedFeed OpenedImports
        OutboxContract PasswordsContract PayloadContext Scene UnavailableContract WebhookSenderContract
        assert_agreement attribute_sets attribute_values conditions definitions entities fact histories
        invalid_attribute_sets list_parameters own_registration patches payloads schemas templates
    """,
    "crm_adapters.json_documents": "body_of decode decode_list encode feed_body",
    "crm_adapters.archive_directory": "LocalArchive new_archive",
    "crm_adapters.embedded": "EmbeddedServerError embedded_server",
    "crm_adapters.image_headers": "read_header",
    "crm_adapters.local_files": "LocalFileStore",
    "crm_adapters.memory": """
        MemoryAccounts MemoryArchives MemoryDatabase MemoryFeed MemoryFileStore MemoryImportRuns MemoryOutbox
        RecordingSender
    """,
    "crm_adapters.passwords": "Argon2Passwords",
    "crm_adapters.postgres": """
        ConnectedDatabase Pool PostgresAccounts PostgresArchives PostgresDatabase PostgresFeed PostgresImportRuns
        PostgresOutbox UnfitDatabaseError
        migrate
    """,
    "crm_adapters.s3": "S3FileStore",
    "crm_adapters.webhooks": "HttpWebhookSender policy_of",
    "crm_http.app": "create_app",
    "crm_http.client": """
        AgendaEntry AgendaOperations AnyRecordOperations Calendar CalendarOperations CalendarWithSecret
        BulkOp BulkOperation BulkResult BulkResults RecordOperationsWithBulk
        AsyncClient AsyncDriver AsyncFollowing AsyncListing Attribute ChangeEvent ChangeOperations ChangesPage Client
        ClientRecord Cohort Condition ConditionInput CrmError CursorGoneError DeliveryFinishedError DeliveryReport
        DeliveryState Driver DryRunResult Enrollment EnrollmentDetail EntityWithAttributes EventKind FieldChange
        AttributeInUseError ConcernedWebhook ConversionOptions DuplicateGroup DuplicateReason DuplicateRecord
        Erased ErasedError ErasedRecord ErasureReport EvolutionReport EvolvingOperations FailingValue
        ImportExample ImportFinishedError ImportInput ImportOperations ImportProblem ImportStatus ImportedFile
        MentioningRecord MergedError SameFileError UndoRefusedError
        FilterValue FollowUp Following HistoryEntry IdempotencyKeyReusedError InUseError InvalidError ItemChanges Lead
        UnregisteredError
        ListPage Listing Me NoResponseError NotAuthenticatedError NotFoundError Note NoteInput OwnToken
        PermissionDeniedError Pipeline Problem Problems RecordOperations RecordOperationsWithImages
        RecordOperationsWithTasks RequestInProgressError RestorationEntry RestoreRefusedError Retry Service
        SignatureError Stage StageInput Task TaskChange TaskInput TeachingAssistant TeachingAssistantInput
        ThrottledError TokenOperations TransferDecidedError TransferOperations
        PipelineOperationsWithSummary PipelineSummary StageSummary StageTime SummaryFilters
        CohortOperationsWithRoster Roster RosterEnrollment RosterStudent
        TransferRequest UnavailableError UnexpectedResponseError UnreadableEventError
        UploadedImage User VersionConflictError WatchedRecord Webhook WebhookEvent WebhookOperations WebhookReceiver
        WebhookWithSecret version_of
    """,
    "crm_http.client.resources": """
        AttributeCreate AttributeFilters AttributeMerge AttributeOperations AttributeUpdate ClientCreate
        ClientFilters ClientMerge ClientOperations ClientUpdate CohortCreate CohortFilters CohortMerge
        CohortOperations CohortUpdate EnrollmentCreate EnrollmentDetailCreate EnrollmentDetailFilters
        EnrollmentDetailMerge EnrollmentDetailOperations EnrollmentDetailUpdate EnrollmentFilters
        EnrollmentMerge EnrollmentOperations EnrollmentUpdate FollowUpCreate FollowUpFilters FollowUpMerge
        FollowUpOperations FollowUpUpdate LeadCreate LeadFilters LeadMerge LeadOperations LeadUpdate
        PipelineCreate PipelineFilters PipelineMerge PipelineOperations PipelineUpdate ServiceCreate
        ServiceFilters ServiceMerge ServiceOperations ServiceUpdate TransferRequestCreate TransferRequestFilters
        TransferRequestMerge TransferRequestOperations TransferRequestUpdate WebhookCreate WebhookFilters
        WebhookMerge WebhookRecordOperations WebhookUpdate
    """,
}


def documented(name: str, value: object) -> Iterator[tuple[str, str | None]]:
    """What must say what it is: modules, functions, classes and their public methods."""
    if inspect.ismodule(value) or inspect.isfunction(value) or inspect.isclass(value):
        yield name, value.__doc__
    if inspect.isclass(value) and value.__module__.startswith("crm_"):
        for part, method in vars(value).items():
            if inspect.isfunction(method) and not part.startswith(("_", "test_")):
                yield f"{name}.{part}", method.__doc__


@pytest.mark.parametrize("module", list(PUBLIC))
def test_the_public_names_are_these(module: str) -> None:
    names: Sequence[str] = importlib.import_module(module).__all__

    assert sorted(names) == sorted(PUBLIC[module].split())
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("module", list(PUBLIC))
def test_every_public_name_says_what_it_is(module: str) -> None:
    imported = importlib.import_module(module)
    found = dict(documented(module, imported))
    for name in imported.__all__:
        found |= documented(f"{module}.{name}", getattr(imported, name))

    # What attrs or NamedTuple write in place of a docstring repeats the signature.
    assert [name for name, text in found.items() if not text or re.match(r"\w+\(", text)] == []
