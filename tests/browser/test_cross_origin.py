"""A web page of another origin in a real browser: it works where its origin is named, and nowhere else."""

import contextlib
import pathlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.browser.chromium import opened
from tests.http.conftest import PASSWORD, serving

#: Logs in, creates, reads the headers, changes with If-Match, and meets a 412 and a 401.
SCRIPT = """
(async (site) => {
  const send = (method, path, body, headers = {}) => fetch(site + path, {
    method, body: body && JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers },
  });
  try {
    const login = await send("POST", "/api-token-auth/", { username: "admin", password: "%s" });
    const auth = { Authorization: `Token ${(await login.json()).token}` };
    const made = await send("POST", "/api/clients/", { name: "a" }, { ...auth, "Idempotency-Key": "k" });
    const place = made.headers.get("Location");
    const changed = await send("PATCH", place, { name: "b" }, { ...auth, "If-Match": made.headers.get("ETag") });
    const stale = await send("PATCH", place, { name: "c" }, { ...auth, "If-Match": made.headers.get("ETag") });
    const refused = await send("GET", place);
    return [made.status, changed.status, changed.headers.get("ETag"), stale.status, refused.status,
      Boolean(refused.headers.get("X-Request-ID"))];
  } catch (error) {
    return String(error);
  }
})("%s")
"""


class _EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b'<!doctype html><link rel="icon" href="data:,">')

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def page_server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _EmptyPage)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_page_of_a_named_origin_works_and_another_does_not(
    new_database: Callable[[], str], place: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with (
        page_server() as named,
        page_server() as other,
        serving(new_database(), place / "origins", CRM_CORS_ORIGINS=named) as server,
        opened(tmp_path / "profile") as page,
    ):
        script = SCRIPT % (PASSWORD, f"http://127.0.0.1:{server.port}")
        page.do("Page.navigate", url=named)
        page.wait(f"location.origin === '{named}'")
        assert page.run(script) == [201, 200, '"2"', 412, 401, True]

        page.do("Page.navigate", url=other)
        page.wait(f"location.origin === '{other}'")
        assert page.run(script) == "TypeError: Failed to fetch"
