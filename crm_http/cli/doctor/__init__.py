"""`crm doctor`: checks of everything that a server needs.

A new check goes where its subject is: ``settings``, ``database``, ``files`` or ``machine``. It is a pure function from
values to a ``Check`` (``checks``), and a line in that module's ``check_...`` function, which fetches the values.
"""
