"""Where the app is on the web, and which web pages may call it."""

import attrs


@attrs.frozen(kw_only=True)
class Site:
    """Where the app is on the web.

    Attributes:
        cors_origins: origins of web pages that may call the API from browsers, as browsers write them, such as
            ``https://app.example.org``; ``*`` for every page.
    """

    cors_origins: tuple[str, ...] = ()
