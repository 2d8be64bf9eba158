"""The reference page in a real browser: everything is listed and found, operations are sent, its policy is kept."""

import pathlib
from collections.abc import Callable, Iterator

import pytest

from crm_http.openapi.tags import TAGS
from tests.browser.chromium import Page, opened
from tests.http.conftest import PASSWORD, Server, serving

PICTURE = pathlib.Path(__file__).parents[2] / "docs" / "pictures" / "reference.png"
LARGEST_PICTURE = 300_000
#: Pixels of an operation that is open and answered.
TALLEST = 2_600
#: The ids of the operations that are listed, in their order.
LISTED = "[...document.querySelectorAll('.opblock')].map(block => block.id)"
#: The tags that are listed, in their order.
LISTED_TAGS = "[...document.querySelectorAll('.opblock-tag')].map(heading => heading.dataset.tag)"
#: The input of the filter.
FILTER = "document.querySelector('.operation-filter-input')"


@pytest.fixture(scope="module")
def server(new_database: Callable[[], str], place: pathlib.Path) -> Iterator[Server]:
    with serving(new_database(), place / "docs") as running:
        running.api().make("/api/attributes/client/", name="industry", label="Industry Sector", type="text")
        yield running


@pytest.fixture
def page(server: Server, tmp_path: pathlib.Path) -> Iterator[Page]:
    with opened(tmp_path / "profile") as shown:
        _show(shown, server)
        yield shown


def _show(page: Page, server: Server, link: str = "") -> None:
    """Load the page, until the last of what it lists is there."""
    # A page is not loaded again if only the part of its URL after # changes.
    page.do("Page.navigate", url="about:blank")
    page.do("Page.navigate", url=f"http://127.0.0.1:{server.port}/docs/{link}")
    page.wait("!!document.querySelector('.webhooks .opblock')")


def _section(operation: str, tag: str = "Clients") -> str:
    """Return the script that finds the section of an operation."""
    return f"document.querySelector('[id=\"operations-{tag}-{operation}\"]')"


def _open(page: Page, operation: str, tag: str = "Clients") -> str:
    """Open an operation's section; the script that finds something in it."""
    section = _section(operation, tag)
    opened = f"{section}?.classList.contains('is-open')"
    page.wait(f"{opened} || {section}?.querySelector('.opblock-summary-control').click()")
    page.wait(f"!!{section}.querySelector('button.execute')")
    return section


def _send(page: Page, section: str, answer: str) -> None:
    """Send the operation of an open section, until its answer holds a text."""
    page.run(f"{section}.querySelector('button.execute').click()")
    page.wait(f"{section}.querySelector('.live-responses-table')?.innerText.includes('{answer}')")


def _type(page: Page, element: str, text: str) -> None:
    """Type a text into an input or a text area, as React sees it."""
    page.run(f"""{{
        const typed = {element};
        Object.getOwnPropertyDescriptor(Object.getPrototypeOf(typed), 'value').set.call(typed, {text!r});
        typed.dispatchEvent(new Event('input', {{bubbles: true}}));
    }}""")


def _described(server: Server) -> set[str]:
    """Return the ids that the operations and webhooks of the description have in the page."""
    document = server.client.get("/schema/openapi.json").json()
    operations = [each for item in document["paths"].values() for each in item.values()]
    webhooks = [each for item in document["webhooks"].values() for each in item.values()]
    return {
        *(f"operations-{each['tags'][0].replace(' ', '_')}-{each['operationId']}" for each in operations),
        *(f"operations-webhooks-{each['operationId']}" for each in webhooks),
    }


def test_every_operation_is_in_the_page_below_its_tag(page: Page, server: Server) -> None:
    listed = page.run(LISTED)
    assert len(listed) == len(set(listed))
    assert set(listed) == _described(server)
    assert page.run(LISTED_TAGS) == list(TAGS)
    assert page.run("document.querySelectorAll('.opblock-tag[data-is-open=true]').length") == len(TAGS)
    # The browser's own search finds only what is in the page.
    assert page.run("find('Retrieve this document')")
    assert page.complaints == []


def test_the_filter_lists_what_has_its_text(page: Page) -> None:
    everything = page.run(LISTED)
    _type(page, FILTER, "Enrollment")
    page.wait(f"{LISTED_TAGS}.join() === 'Enrollments,Enrollment details'")
    _type(page, FILTER, "no such tag")
    page.wait("document.body.innerText.includes('No operations')")
    _type(page, FILTER, "")
    page.wait(f"{LISTED}.length === {len(everything)}")
    assert page.run(LISTED) == everything
    assert page.complaints == []


@pytest.mark.parametrize(("tag", "operation"), [("About", "schema"), ("Webhooks", "webhooks_list")])
def test_a_link_opens_its_operation(page: Page, server: Server, tag: str, operation: str) -> None:
    _show(page, server, f"#/{tag}/{operation}")
    section = _section(operation, tag)
    page.wait(f"{section}.classList.contains('is-open')")
    page.wait(f"Math.abs({section}.getBoundingClientRect().top) < innerHeight / 2")
    # Swagger UI takes the underscores of an id for the spaces of links as they once were.
    assert all("escaping deep link whitespace" in complaint for complaint in page.complaints)


def test_a_narrow_screen_scrolls_in_one_direction(page: Page) -> None:
    page.do("Emulation.setDeviceMetricsOverride", width=360, height=800, deviceScaleFactor=1, mobile=True)
    for operation in ("clients_create", "clients_list"):
        _open(page, operation)
    assert page.run("innerWidth") == 360
    assert page.run("document.documentElement.scrollWidth") == 360
    assert page.complaints == []


def test_operations_are_sent_after_login(page: Page) -> None:
    assert page.run("document.body.innerText.includes('Not logged in')")
    page.run(f"login.username.value = 'admin'; login.password.value = '{PASSWORD}'; login.requestSubmit()")
    page.wait("document.body.innerText.includes('Logged in as admin')")
    assert page.run("localStorage.length + sessionStorage.length + document.cookie.length") == 0
    page.wait("JSON.stringify(ui.specSelectors.specJson()).includes('Industry Sector')")
    page.wait("document.querySelectorAll('.opblock').length > 90")
    page.wait("document.querySelectorAll('.opblock .authorization__btn svg.locked').length > 90")
    assert page.run("document.querySelectorAll('.opblock .authorization__btn svg.unlocked').length") == 0
    assert page.run(LISTED_TAGS) == list(TAGS)

    create = _open(page, "clients_create")
    _send(page, create, "201")
    assert page.run(f"{create}.offsetHeight") < TALLEST

    # The example of a service names the client that was made last.
    _send(page, _open(page, "services_create", "Services"), "201")

    body = '{"name": "Made in a browser", "attributes": {"industry": "Tech"}}'
    _type(page, f"{create}.querySelector('textarea')", body)
    _send(page, create, "Made in a browser")
    listed = _open(page, "clients_list")
    _send(page, listed, "Made in a browser")

    page.run(f"{create}.querySelector('.opblock-summary-control').click(); {listed}.scrollIntoView()")
    PICTURE.parent.mkdir(exist_ok=True)
    page.picture(PICTURE)
    assert PICTURE.stat().st_size < LARGEST_PICTURE
    assert page.complaints == []
