"""A script without a database: attributes, a client, a task, a list, and what is refused.

pip install 'crm-core[memory]'
python on_memory.py
"""

import asyncio
from collections.abc import AsyncIterator

from crm_adapters.memory import MemoryDatabase
from crm_core import ATTRIBUTES, CLIENTS, Actor, InvalidError, User, flatten
from crm_core.use_cases import caller, records


async def main() -> None:
    """Create, change and find, as over HTTP, with plain values."""
    db = MemoryDatabase()
    me = Actor(user=User(id=1, username="me"), is_superuser=True)

    # Attributes come first: they define what clients may hold.
    await records.create(db, caller(me), ATTRIBUTES, {"name": "city", "label": "City", "type": "text"}, parent="client")
    acme, document = await records.create(
        db, caller(me), CLIENTS, {"name": "Acme Corp", "attributes": {"city": "Lyon"}}
    )
    print("created", document.version)

    # The same fields are changed by what the documentation sends; the body is what a client of the API would get.
    document = await records.patch(db, caller(me), CLIENTS, acme, {"list_of_tasks": [{"task": "Call"}]})
    print("changed", document.version, b'"task":"Call"' in document.body)

    _, pieces = await records.find(db, caller(me), CLIENTS, {"attributes.city": "Lyon"})
    assert isinstance(pieces, AsyncIterator)  # without a limit, a list comes in pieces
    print("found", b"".join([piece async for piece in pieces]) == document.body)

    try:
        await records.create(db, caller(me), CLIENTS, {"name": "", "attributes": {"colour": "red"}})
    except InvalidError as error:
        print(*flatten(error.problems), sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
