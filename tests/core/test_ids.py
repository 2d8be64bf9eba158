"""Facts of new ids: UUIDs of version 7 that ascend (RFC 9562)."""

import time
import uuid

from crm_core.use_cases.callers import new_id


def test_an_id_is_a_uuid_of_version_7_with_the_time_in_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    id_ = new_id()
    assert (id_.version, id_.variant) == (7, uuid.RFC_4122)
    assert before <= id_.int >> 80 <= time.time_ns() // 1_000_000


def test_ids_ascend() -> None:
    ids = [new_id() for _ in range(10_000)]
    assert ids == sorted(set(ids))


def test_each_bit_below_the_variant_differs_among_ids() -> None:
    ids = [new_id().int for _ in range(10_000)]
    every, some = ids[0], ids[0]
    for id_ in ids[1:]:
        every, some = every & id_, some | id_
    assert f"{(every ^ some) & (1 << 62) - 1:062b}" == "1" * 62
