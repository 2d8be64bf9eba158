"""The reference page in a real browser: log in, create a client, see it listed, and nothing breaks its policy."""

import pathlib
from collections.abc import Callable

from crm_http.openapi.tags import TAGS
from tests.browser.chromium import Page, opened
from tests.http.conftest import PASSWORD, serving

PICTURE = pathlib.Path(__file__).parents[2] / "docs" / "pictures" / "reference.png"
LARGEST_PICTURE = 300_000
#: Pixels of an operation that is open and answered.
TALLEST = 2_600


def _open(page: Page, operation: str, tag: str = "Clients") -> str:
    """Open an operation's section; the script that finds something in it."""
    section = f"document.querySelector('[id=\"operations-{tag}-{operation}\"]')"
    opened = f"{section}?.classList.contains('is-open')"
    page.wait(f"{opened} || {section}?.querySelector('.opblock-summary-control').click()")
    page.wait(f"!!{section}.querySelector('button.execute')")
    return section


def test_the_reference_page(new_database: Callable[[], str], place: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with serving(new_database(), place / "docs") as server, opened(tmp_path / "profile") as page:
        server.api().make("/api/attributes/client/", name="industry", label="Industry Sector", type="text")
        page.do("Page.navigate", url=f"http://127.0.0.1:{server.port}/docs/")
        page.wait("document.querySelectorAll('.opblock').length > 90")
        assert page.run("document.body.innerText.includes('Not logged in')")

        page.run(f"login.username.value = 'admin'; login.password.value = '{PASSWORD}'; login.requestSubmit()")
        page.wait("document.body.innerText.includes('Logged in as admin')")
        assert page.run("localStorage.length + sessionStorage.length + document.cookie.length") == 0
        page.wait("JSON.stringify(ui.specSelectors.specJson()).includes('Industry Sector')")
        page.wait("document.querySelectorAll('.opblock').length > 90")
        page.wait("document.querySelectorAll('.opblock .authorization__btn svg.locked').length > 90")
        assert page.run("document.querySelectorAll('.opblock .authorization__btn svg.unlocked').length") == 0
        tags = page.run("[...document.querySelectorAll('.opblock-tag')].map(each => each.dataset.tag)")
        assert tags == list(TAGS)

        create = _open(page, "clients_create")
        page.run(f"{create}.querySelector('button.execute').click()")
        page.wait(f"{create}.querySelector('.live-responses-table')?.innerText.includes('201')")
        assert page.run(f"{create}.offsetHeight") < TALLEST

        # The example of a service names the client that was made last.
        service = _open(page, "services_create", "Services")
        page.run(f"{service}.querySelector('button.execute').click()")
        page.wait(f"{service}.querySelector('.live-responses-table')?.innerText.includes('201')")

        page.run(f"""
            const area = {create}.querySelector('textarea');
            const text = JSON.stringify({{name: 'Made in a browser', attributes: {{industry: 'Tech'}}}});
            Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set.call(area, text);
            area.dispatchEvent(new Event('input', {{bubbles: true}}));
        """)
        page.run(f"{create}.querySelector('button.execute').click()")
        page.wait(f"{create}.querySelector('.live-responses-table')?.innerText.includes('201')")

        listed = _open(page, "clients_list")
        page.run(f"{listed}.querySelector('button.execute').click()")
        page.wait(f"{listed}.querySelector('.live-responses-table')?.innerText.includes('Made in a browser')")

        page.run(f"{create}.querySelector('.opblock-summary-control').click(); scrollTo(0, 0)")
        PICTURE.parent.mkdir(exist_ok=True)
        page.picture(PICTURE)
        assert PICTURE.stat().st_size < LARGEST_PICTURE
        assert page.complaints == []
