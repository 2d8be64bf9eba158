import time, sys
from tests.http.test_wire import *
from tests.http.test_wire import HOSTILE, send, ids

for n in list(globals()):
    if n.startswith("test_"):
        del globals()[n]


def test_x(postgres_api, request):
    api = postgres_api
    i = {"webhook": NOWHERE, "service": NOWHERE, "client": NOWHERE}
    for r, s, st in HOSTILE:
        t = time.time()
        send(api, r.format(**i), s)
        d = time.time() - t
        if d > 0.1:
            print("SLOW", d, r[:60], str(s)[:60])
