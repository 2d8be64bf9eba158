"""How many bytes a body may have. Every route has a limit; the sizes of files are settings."""

from typing import Final

#: A body of JSON.
MAX_BODY: Final = 1_000_000
#: A bulk request.
MAX_BULK_BODY: Final = 16_000_000
#: The body of a login, which needs no credentials.
MAX_LOGIN_BODY: Final = 8_000
#: The form of an upload beside its file.
MAX_UPLOAD_FORM: Final = 100_000
#: The options in the form of an import; its heads may have as many bytes.
MAX_IMPORT_FIELDS: Final = 1_000_000
