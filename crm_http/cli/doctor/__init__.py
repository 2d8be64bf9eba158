"""`crm doctor`: checks of everything that a server needs.

A new check belongs to the module of its subject: ``settings``, ``database``, ``files`` or ``machine``. It is a pure
function from values to a ``Check`` (``checks``), called by the module's ``check_...`` function, which fetches them.
"""
