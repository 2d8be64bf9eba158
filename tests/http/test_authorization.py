"""The ``Authorization`` header: which schemes carry a token, and the texts of refusals."""

import pytest

from crm_core.errors import NotAuthenticatedError
from crm_http.api.auth import read_token


@pytest.mark.parametrize("header", ["Token abc", "token abc", "TOKEN  abc ", "Bearer abc", " bearer abc"])
def test_the_scheme_is_token_or_bearer_in_any_case(header: str) -> None:
    assert read_token(header) == "abc"


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (None, "Authentication credentials were not provided."),
        ("", "Authentication credentials were not provided."),
        ("abc", "Authentication credentials were not provided."),
        ("Basic YTpi", "Authentication credentials were not provided."),
        ("Tokenabc", "Authentication credentials were not provided."),
        ("Token", "Invalid token header. No credentials provided."),
        ("Token  ", "Invalid token header. No credentials provided."),
        ("Token a b", "Invalid token header. Token string should not contain spaces."),
    ],
)
def test_other_headers_are_refused_with_the_texts_that_clients_know(header: str | None, text: str) -> None:
    with pytest.raises(NotAuthenticatedError) as caught:
        read_token(header)

    assert str(caught.value) == text
