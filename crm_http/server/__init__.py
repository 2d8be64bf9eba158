"""The composition root, and the processes of `crm serve`. Only this room and the doctor know which adapters exist.

``composition`` makes the app of a worker from settings; ``maintenance`` is what commands do on a database;
``database`` says which one that is. ``serving`` is `crm serve` from start to end: ``port``, ``bootstrap`` and
``workers`` are its steps, ``signals`` its end. ``errors`` has the one error that a command ends with.
"""
