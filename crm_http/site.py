"""Where the app is on the web, and which web pages may call it."""

from typing import Any
from urllib.parse import quote

import attrs

from crm_core.extras import needs

with needs("http"):
    from litestar import Request
    from litestar.types import HTTPScope


@attrs.frozen(kw_only=True)
class Site:
    """Where the app is on the web.

    Attributes:
        root_path: the path below which the app is served, such as ``/crm``; empty for the root of its host. A proxy may
            remove it from the paths of requests, or not.
        cors_origins: origins of web pages that may call the API from browsers, as browsers write them, such as
            ``https://app.example.org``; ``*`` for every page.
    """

    root_path: str = ""
    cors_origins: tuple[str, ...] = ()

    def locate(self, scope: HTTPScope) -> tuple[str, str]:
        """Return the path below which the app is, as URLs have it, and the path of a request within the app.

        An app that mounts this one tells its place by ``root_path`` of ASGI. ``root_path`` of the site comes first,
        because clients may know that app, too, by another path.
        """
        mounted = scope.get("root_path", "").rstrip("/")
        if not (self.root_path or mounted):
            return "", scope["path"]
        path = _below(self.root_path, _below(mounted, scope["path"]))
        return self.root_path or quote(mounted), path


def root_path(request: Request[Any, Any, Any]) -> str:
    """Return the path below which the app is for the client; empty for the root of its host."""
    path = request.scope["state"]["root_path"]
    assert isinstance(path, str)  # noqa: S101  # the middleware put it there
    return path


def site_url(request: Request[Any, Any, Any]) -> str:
    """Return the URL of the app, as the client knows it, without a slash at the end."""
    return f"{request.scope['state']['scheme']}://{request.url.netloc}{root_path(request)}"


def _below(root: str, path: str) -> str:
    """Return a path within a root; as it is if it is not below it."""
    return path.removeprefix(root) or "/" if path == root or path.startswith(f"{root}/") else path
