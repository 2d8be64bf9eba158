"""What embedders and adapter authors may import. A change of these lists changes what others have written."""

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence

import pytest

PUBLIC: Mapping[str, str] = {
    "crm_core": """
        ATTRIBUTES CLIENTS COHORTS ENROLLMENTS ENROLLMENT_DETAILS FOLLOW_UPS GROUPS LEADS PERMISSIONS
        PIPELINES RECEIPTS_KEPT RESOURCES SERVICES TRANSFER_REQUESTS WEBHOOKS Account Accounts Actor Attempt
        ACTIVE_USER Attribute Caller Catalog Changes Claim Client Cohort Condition CrmError Cursor Database Decide
        Decision Delivery DeliveryDetail DeliveryFinishedError DeliveryLog DeliveryState Document
        DuplicateRequestError ErasedError Enrollment
        EnrollmentDetail Event EventKind Failures FileStore Filter FollowUp Health Idempotency
        IdempotencyKeyReusedError ImageHeader InUseError InvalidError IssuedToken Key Known Lead LogQuery
        LoggedDelivery Needs NewToken NotAuthenticatedError NotFoundError Note OpenFile Outbox Outcome OwnToken Page
        Passwords
        PermissionDeniedError Pipeline Problem Problems Put Query ReadHeader Receipt ReceiptKey Record Remove
        RequestInProgressError Resource RestoreRefusedError Result Retries Search Service Stage Steps StoredFile Task
        TeachingAssistant ThrottledError TooLargeError TransferRequest UnavailableError UnknownUserError User
        UserChange UsernameTakenError Users VersionConflictError Webhook WebhookRequest WebhookSender
        WrongCredentialsError cursor_of flatten fold make_attempt matches searched_text
        sort_key sorting_key
    """,
    "crm_core.use_cases": """
        DeliveryWorker Images Upload accounts caller history new_id new_secret records restorations sweeping tokens
        uploads users webhooks
    """,
    "crm_core.testing": """
        DISABLED_USER USERS AccountsContract DatabaseContract FileStoreContract OpenPair Opened OutboxContract Scene
        PayloadContext WebhookSenderContract assert_agreement attribute_values entities fact list_parameters patches
        payloads
    """,
    "crm_adapters.json_documents": "body_of decode decode_list encode",
    "crm_adapters.embedded": "EmbeddedServerError embedded_server",
    "crm_adapters.image_headers": "read_header",
    "crm_adapters.local_files": "LocalFileStore",
    "crm_adapters.memory": "MemoryAccounts MemoryDatabase MemoryFileStore MemoryOutbox RecordingSender",
    "crm_adapters.passwords": "Argon2Passwords",
    "crm_adapters.postgres": """
        ConnectedDatabase Pool PostgresAccounts PostgresDatabase PostgresOutbox UnfitDatabaseError migrate
    """,
    "crm_adapters.s3": "S3FileStore",
    "crm_adapters.webhooks": "HttpWebhookSender policy_of",
    "crm_http.app": "create_app",
    "crm_http.client": """
        UnexpectedResponseError AsyncClient AsyncDriver AsyncListing Attribute Client ClientRecord Cohort Condition
        ConditionInput CrmError DeliveryFinishedError DeliveryReport DeliveryState Driver DryRunResult
        Enrollment EnrollmentDetail EntityWithAttributes Erased ErasedError ErasedRecord ErasureReport EventKind
        FieldChange FilterValue FollowUp HistoryEntry
        IdempotencyKeyReusedError InUseError InvalidError ItemChanges Lead ListPage Listing Me MentioningRecord
        NoResponseError
        NotAuthenticatedError NotFoundError Note NoteInput OwnToken PermissionDeniedError Pipeline Problem Problems
        RecordOperations RecordOperationsWithImages RecordOperationsWithTasks RequestInProgressError
        RestorationEntry RestoreRefusedError Retry Service SignatureError Stage StageInput Task TaskChange TaskInput
        TeachingAssistant
        TeachingAssistantInput ThrottledError TokenOperations TransferRequest UnavailableError UnreadableEventError
        UploadedImage User VersionConflictError WatchedRecord Webhook WebhookEvent WebhookOperations
        WebhookReceiver WebhookWithSecret version_of
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
