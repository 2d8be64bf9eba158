"""All time limits of this adapter, the shortest first: a limit is longer than the limits inside it.

The limits by what a request waits for, and what happens then (``docs/reference/timeouts.md`` has them by subject):

=================================  ===========================  =======  ===============================================
A request waits for                limit                        seconds  what happens then
=================================  ===========================  =======  ===============================================
a query that others share          BATCH_WINDOW                 0.002    a second query is sent beside the one under way
a place in a shared query          MAX_BATCH_WAIT               1        503
a connection of the pool           MAX_CONNECTION_WAIT          1        503
the check of lost connections      MAX_CHECK_WAIT               1        the read is sent again on any connection
a lock of another transaction      LOCK_TIMEOUT                 2        a change is decided again; a read is 503
a new connection to a host         CONNECT_TIMEOUT              3        the next host of the URL is tried
a change that meets others         MAX_CONTENTION               3        no further round begins: 503 within 6 s
a query that runs too long         STATEMENT_TIMEOUT            5        the server cancels it: 503
a change of its record that hangs  MAX_TURN_WITHOUT_END         5        503, as for all that wait for that record
the answer of a frozen server      ANSWER_TIMEOUT               6        we close the connection: 503
our own next statement             IDLE_IN_TRANSACTION_TIMEOUT  10       the server ends the session and its locks
a host that left the network       TCP_TIMEOUT                  10       the kernel closes the connection
other changes of its record        MAX_TURN_WAIT                15       503
a change of many records           WIDE_STATEMENT_TIMEOUT       60       the server cancels it: 503
the answer to that                 WIDE_ANSWER_TIMEOUT          61       we close the connection: 503
=================================  ===========================  =======  ===============================================

A change behind a lock of another transaction begins its last run before MAX_CONTENTION has passed. That run waits
at most MAX_CONNECTION_WAIT and LOCK_TIMEOUT, so it is 503 after 6 s at the latest, and all that wait for the same
record in this process are 503 together with it (`crm_adapters.postgres.records.keyed_locks`).

A replica is used if its data was at most MAX_REPLICA_LAG (4 s) old at the last check, and a check is valid for
REPLICA_ANSWER_LIFETIME (1 s), so data from a replica is at most 5 s old. Connecting is given up after
MAX_RECONNECT (0.2 s), so that the next request connects again and finds at once a server that is back.

``options``, ``connect_timeout`` and keepalives in the connection URL take precedence.
"""

from typing import Final

#: Seconds after which the pool gives up connecting, so that the next request starts over. Otherwise the pool waits
#: twice as long after each failure, and notices late that a server is back.
MAX_RECONNECT: Final = 0.2

#: Seconds that a look-up waits for a running query before a second one is sent. Reads of single rows take a tenth.
BATCH_WINDOW: Final = 0.002
#: Seconds that a look-up waits for a place in a query, as it would for a connection.
MAX_BATCH_WAIT: Final = 1.0
#: Seconds that a request waits for a connection of the pool.
MAX_CONNECTION_WAIT: Final = 1.0
#: Seconds that a read whose connection was lost waits while the pool checks the others.
MAX_CHECK_WAIT: Final = 1.0

#: Seconds that a statement waits for each lock.
LOCK_TIMEOUT: Final = 2
#: Seconds for connecting to one host.
CONNECT_TIMEOUT: Final = 3
#: Seconds after which a change that conflicts with others begins no further run.
MAX_CONTENTION: Final = 3.0
#: Seconds that a replica may be behind when it is asked, and for which its answer counts.
MAX_REPLICA_LAG: Final = 4.0
REPLICA_ANSWER_LIFETIME: Final = 1.0
#: Seconds for one statement of a request.
STATEMENT_TIMEOUT: Final = 5
#: Seconds that changes wait for a record while the change that has it does not end.
MAX_TURN_WITHOUT_END: Final = 5.0
#: Seconds for one answer: what the server gives a statement, and one more.
ANSWER_TIMEOUT: Final = STATEMENT_TIMEOUT + 1.0
#: Seconds that a transaction may wait for its next statement.
IDLE_IN_TRANSACTION_TIMEOUT: Final = 10
#: Seconds within which a host that silently disappeared is noticed: an idle connection is tried after
#: KEEPALIVE_IDLE, then KEEPALIVE_COUNT times every KEEPALIVE_INTERVAL.
TCP_TIMEOUT: Final = 10
KEEPALIVE_IDLE: Final = 4
KEEPALIVE_INTERVAL: Final = 2
KEEPALIVE_COUNT: Final = 3
#: Seconds that a change waits for a record while others change it one after the other.
MAX_TURN_WAIT: Final = 15.0
#: Seconds for one statement, and for its answer, of a change of many records that holds their locks.
WIDE_STATEMENT_TIMEOUT: Final = 60
WIDE_ANSWER_TIMEOUT: Final = WIDE_STATEMENT_TIMEOUT + 1.0
