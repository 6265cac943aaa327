"""Ids are UUIDv7 of the moment they are asked for, and no two are alike."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122

from vendorpay.entrypoints.ids import new_id

AT = datetime(2026, 11, 23, 9, 30, 0, 123_456, tzinfo=UTC)


def test_an_id_names_its_moment() -> None:
    one = new_id(AT)
    assert (one.version, one.variant) == (7, RFC_4122)
    assert one.int >> 80 == 1_795_426_200_123 == int(AT.timestamp() * 1000)


def test_ids_of_one_moment_and_of_moments_in_turn_are_all_different() -> None:
    later = AT + timedelta(microseconds=1)
    ids = [new_id(AT) for _ in range(500)] + [new_id(at) for _ in range(500) for at in (AT, later)]
    assert len(set(ids)) == 1500


def test_threads_that_ask_at_once_get_different_ids() -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: [new_id(AT) for _ in range(2_000)], range(4)))
    assert len({one for part in found for one in part}) == 8_000
