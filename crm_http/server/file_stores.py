"""Makes the store of files that the settings name."""

from typing import TYPE_CHECKING

from crm_adapters.local_files import LocalFileStore
from crm_core.model.files import SITE_FILES
from crm_http.settings import SettingError, Settings

if TYPE_CHECKING:
    from crm_adapters.s3 import S3FileStore


def file_store(settings: Settings) -> "LocalFileStore | S3FileStore":
    """Return the store of files. Raises SettingError if they cannot be kept as the settings say."""
    files_path = settings.root_path + SITE_FILES
    if settings.s3_bucket is None:
        return LocalFileStore(settings.data_dir / "files", files_path)
    try:
        from crm_adapters.s3 import S3FileStore  # noqa: PLC0415 - it is large, and not all have it
    except ModuleNotFoundError as error:
        raise SettingError("CRM_S3_BUCKET needs boto3: install crm-core[s3].") from error
    try:
        return S3FileStore(
            settings.s3_bucket,
            endpoint_url=settings.s3_endpoint_url,
            public_url=settings.s3_public_url,
            is_private=settings.s3_private,
            files_path=files_path,
        )
    except ValueError as error:
        raise SettingError(f"CRM_S3_BUCKET cannot be used with CRM_S3_ENDPOINT_URL and AWS_…: {error}.") from error


def check_files(settings: Settings) -> None:
    """Raise SettingError if files cannot be kept as the settings say; the store itself is not asked."""
    file_store(settings).close()
