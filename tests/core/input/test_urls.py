"""Web addresses in input (decisions 18, 20 and 29)."""

import pytest

from crm_core.input.readers import RefusedError
from crm_core.input.urls import is_web_url
from crm_core.model.files import read_image_url
from crm_core.webhooks.urls import url_problems

NOT_URLS = [
    *("https://[bad/x", "https://[::1]x/", "https://[x]/", "https://[]/", "https://a]b/", "https://[::1%25eth0]/"),
    *(
        "https://example.com:65536/",
        "https://example.com:0/",
        "https://example.com:x/",
        "https://:80/",
        "https://a:b:c/",
    ),
    *(
        "https://.../",
        "https://-/",
        "https://<x>/",
        'https://a"b/',
        "https://e%20x/",
        "https://0x7f.1/",
        "https://1.2.3/",
    ),
    *("https://", "https:///x", "https://a@example.com/", "https://example.com/a b", "https://example.com/\x7f"),
    *("ftp://example.com/", "//example.com/", "javascript:alert(1)", "https://example.com\\x/", "https://" + "a" * 64),
]
URLS = [
    *(
        "https://example.com",
        "HTTP://EXAMPLE.COM/A?b#c",
        "https://example.com?b",
        "http://localhost:8000/",
        "http://e_x.a/",
    ),
    *(
        "http://1.2.3.4/",
        "https://[::1]/x",
        "https://[2001:db8::1]:443/",
        "https://\u00e9t\u00e9.example/\u00fc",
        "https://a.b./",
    ),
]


@pytest.mark.parametrize("url", URLS)
def test_a_url_is_one_for_images_attributes_and_webhooks_alike(url: str) -> None:
    assert is_web_url(url)
    assert read_image_url(url) == url
    assert url_problems(url, frozenset()) == []


@pytest.mark.parametrize("url", NOT_URLS)
def test_an_address_without_a_possible_host_and_port_is_no_url_anywhere(url: str) -> None:
    assert not is_web_url(url)
    with pytest.raises(RefusedError):
        read_image_url(url)
    assert url_problems(url, frozenset())
