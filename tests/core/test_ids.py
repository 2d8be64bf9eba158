"""Facts of new ids, UUIDs of version 7 that ascend (RFC 9562), and of the random bytes in them."""

import multiprocessing
import time
import uuid

from crm_core.use_cases.callers import new_id
from crm_core.use_cases.randomness import random_bytes


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


def test_random_bytes_come_once_whatever_the_counts() -> None:
    taken = [random_bytes(count) for count in (16, 5_000, 10, 1, 16) * 400]
    whole = [each for each in taken if len(each) >= 10]

    assert [len(each) for each in taken] == [16, 5_000, 10, 1, 16] * 400
    assert len(set(whole)) == len(whole)


def test_a_forked_process_has_random_bytes_of_its_own() -> None:
    random_bytes(1)
    forked = multiprocessing.get_context("fork")
    with forked.Pool(1) as first, forked.Pool(1) as second:
        ours, theirs = random_bytes(16), [pool.apply(_sixteen_bytes) for pool in (first, second)]
    assert len({ours, *theirs}) == 3


def _sixteen_bytes() -> bytes:
    return random_bytes(16)
