"""The composition root, and the processes of `crm serve`. Only this package and `crm doctor` import adapters.

``composition`` makes the app of a worker from settings; ``maintenance`` has what commands do on a database;
``database`` opens it. ``serving`` is `crm serve` from start to end: ``listening_socket``, ``bootstrap`` and
``workers`` are its steps, ``signals`` stops it. ``errors`` has the error that ends a command.
"""
