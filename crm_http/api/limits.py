"""How much a worker takes on at once, and how long it waits for clients."""

import attrs


@attrs.frozen(kw_only=True)
class Limits:
    """Bounds that keep a flood, and clients that are slow on purpose, from holding a worker.

    Attributes:
        requests: the most requests that are worked on at once; who comes then is refused at once.
        body_seconds: for a body that is taken whole, and for each piece of one that is taken in pieces.
        pieces_seconds: for all of the latter.
        send_seconds: for a client to take a piece of a long answer.
    """

    requests: int = 256
    body_seconds: float = 30.0
    pieces_seconds: float = 600.0
    send_seconds: float = 30.0
