"""When what failed is tried again."""

from uuid import uuid4

import pytest

from vendorpay.domain.retries import ASKED_S_MAX, CONSUMERS, WEBHOOKS, Schedule, chance_of, pause_s


def test_a_webhook_is_tried_ten_times_within_three_days_and_some_hours() -> None:
    assert WEBHOOKS.attempts_max == 10
    assert 3 * 24 < sum(WEBHOOKS.pauses_s) / 3600 < 3 * 24 + 4


def test_a_consumer_is_tried_ten_times_each_pause_twice_the_last() -> None:
    assert CONSUMERS.attempts_max == 10
    assert CONSUMERS.pauses_s == (1, 2, 4, 8, 16, 32, 64, 128, 256)


@pytest.mark.parametrize("schedule", [WEBHOOKS, CONSUMERS, Schedule((1.0,)), Schedule(())])
def test_after_the_last_try_there_is_none(schedule: Schedule) -> None:
    for attempt in range(1, schedule.attempts_max):
        assert pause_s(schedule, attempt, 0.5) == pytest.approx(schedule.pauses_s[attempt - 1])
    assert pause_s(schedule, schedule.attempts_max, 0.5) is None


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 90.0), (0.5, 100.0), (0.999_999, 110.0)])
def test_chance_makes_a_pause_up_to_a_tenth_shorter_or_longer(chance: float, seconds: float) -> None:
    assert pause_s(Schedule((100.0,)), 1, chance) == pytest.approx(seconds, abs=0.001)


@pytest.mark.parametrize(
    ("asked_s", "seconds"),
    [
        *((asked, 100.0) for asked in (None, 0.0, -5.0, 99.0, float("nan"))),
        (101.0, 101.0),
        *((asked, ASKED_S_MAX) for asked in (1e9, float("inf"))),
    ],
)
def test_what_the_receiver_asks_for_is_heeded_up_to_a_day_and_never_shortens(
    asked_s: float | None, seconds: float
) -> None:
    assert pause_s(Schedule((100.0,)), 1, 0.5, asked_s) == pytest.approx(seconds)


def test_what_failed_together_does_not_come_back_together() -> None:
    chances = [chance_of(uuid4(), 1) for _ in range(1_000)]
    assert all(0 <= chance < 1 for chance in chances)
    assert len({int(chance * 10) for chance in chances}) == 10
    one = uuid4()
    assert len({chance_of(one, attempt) for attempt in range(1, 11)}) == 10
