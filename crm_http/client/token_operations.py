"""The operations of the user's own tokens."""

from typing import Final
from uuid import UUID

import attrs

from crm_core.embedding.listings import PAGE_SIZE
from crm_core.model.accounts import OwnToken
from crm_http.client.listings import ListQuery, listing
from crm_http.client.operations import D_co, Operation, OperationGroup, operation
from crm_http.client.request_parts import below

_PATH: Final = "/api/tokens"


@attrs.define(slots=False, eq=False)
class TokenOperations(OperationGroup[D_co]):
    """The operations of the user's own tokens; a narrow token reaches itself alone."""

    @listing
    def list(self, /, *, limit: int | None = None, page_size: int = PAGE_SIZE) -> ListQuery[OwnToken]:
        """Return the tokens that still work, newest first; they are requested page by page while they are read.

        Args:
            limit: the most tokens in all.
            page_size: the tokens that are requested at once, from 1 to 1,000.
        """
        return ListQuery(path=f"{_PATH}/", item=OwnToken, limit=limit, page_size=page_size, filters={})

    @operation
    def revoke(self, id_: UUID | str, /) -> Operation[None]:
        """Revoke a token; it does not work from the next request on.

        Args:
            id_: the id of the token.
        """
        return Operation(method="DELETE", path=below(_PATH, id_), read=lambda _: None)
