"""A bucket gives what its limit says: never more, whatever comes when, and what it promised to whom it told to wait."""

from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from vendorpay.domain.token_bucket import FULL, NS_PER_S, Limit, take

LIMITS = st.builds(
    Limit.of, tokens=st.integers(1, 1000), period_s=st.sampled_from([1, 60, 3600]), burst=st.integers(1, 8)
)
TIMES = st.integers(0, 2**62)
LONG = settings(max_examples=min(settings().max_examples, 1_000))
"""For tests whose examples are whole histories."""


@st.composite
def arrivals(draw: st.DrawFn, limit: Limit) -> list[int]:
    """Moments that do not go back; pauses from none at all to a while after the bucket is full."""
    pause = st.just(0) | st.integers(0, 2 * limit.interval_ns) | st.integers(0, limit.depth_ns + limit.interval_ns)
    pauses = draw(st.lists(pause, max_size=30))
    return list(accumulate(pauses, initial=draw(TIMES)))


def admitted(limit: Limit, moments: list[int]) -> list[int]:
    full_at_ns, found = FULL, []
    for now_ns in moments:
        full_at_ns, wait_ns = take(limit, full_at_ns, now_ns)
        if not wait_ns:
            found.append(now_ns)
    return found


def is_kept(limit: Limit, moments: list[int]) -> bool:
    """Whether no stretch of time has more than a full bucket and what came in meanwhile."""
    # How far each moment is ahead of a steady stream: from the lowest before it, at most by what a bucket holds.
    ahead = [number * limit.interval_ns - moment for number, moment in enumerate(moments)]
    return all(
        here - least <= limit.depth_ns - limit.interval_ns
        for here, least in zip(ahead, accumulate(ahead, min), strict=True)
    )


@LONG
@given(st.data(), LIMITS)
def test_no_stretch_of_time_has_more_than_the_limit(data: st.DataObject, limit: Limit) -> None:
    assert is_kept(limit, admitted(limit, data.draw(arrivals(limit))))


@given(LIMITS, TIMES, st.integers(0, 60))
def test_a_new_bucket_gives_its_burst_at_once_and_no_more(limit: Limit, now_ns: int, beyond: int) -> None:
    burst = limit.depth_ns // limit.interval_ns
    assert len(admitted(limit, [now_ns] * (burst + beyond))) == burst


@LONG
@given(st.data(), LIMITS)
def test_who_waits_as_told_has_his_token_and_not_a_moment_sooner(data: st.DataObject, limit: Limit) -> None:
    full_at_ns, wait_ns = FULL, 0
    for now_ns in data.draw(arrivals(limit)):
        full_at_ns, wait_ns = take(limit, full_at_ns, now_ns)
        if wait_ns:
            assert wait_ns <= limit.interval_ns
            assert take(limit, full_at_ns, now_ns + wait_ns)[1] == 0
            assert take(limit, full_at_ns, now_ns + wait_ns - 1)[1] == 1


@given(LIMITS, TIMES, st.integers(1, 20))
def test_to_ask_while_one_waits_makes_the_wait_no_longer(limit: Limit, now_ns: int, times: int) -> None:
    full_at_ns = now_ns + limit.depth_ns
    for _ in range(times):
        full_at_ns, wait_ns = take(limit, full_at_ns, now_ns)
        assert (full_at_ns, wait_ns) == (now_ns + limit.depth_ns, limit.interval_ns)


@given(LIMITS, TIMES, TIMES)
def test_a_bucket_whose_moment_has_passed_is_the_same_as_a_new_one(limit: Limit, full_at_ns: int, later: int) -> None:
    now_ns = full_at_ns + later
    assert take(limit, full_at_ns, now_ns) == take(limit, FULL, now_ns)


@given(LIMITS, TIMES, st.integers(1, 2**62))
def test_a_clock_that_was_set_back_costs_no_more_than_one_wait(limit: Limit, now_ns: int, back_ns: int) -> None:
    full_at_ns, wait_ns = take(limit, now_ns + back_ns, now_ns)
    assert wait_ns <= limit.interval_ns
    assert wait_ns == 0 or take(limit, full_at_ns, now_ns + wait_ns)[1] == 0
    assert full_at_ns <= now_ns + limit.depth_ns


@LONG
@given(st.data(), LIMITS, st.integers(1, 8))
def test_processes_together_give_the_whole_limit_and_never_more(
    data: st.DataObject, limit: Limit, processes: int
) -> None:
    """Beyond a token at once in each, where the burst is smaller than their number."""
    part = limit.shared_by(processes)
    moments = data.draw(arrivals(limit))
    found = sorted(moment for number in range(processes) for moment in admitted(part, moments[number::processes]))
    at_least_one_each = max(limit.depth_ns, limit.interval_ns * processes)
    assert is_kept(Limit(limit.interval_ns, at_least_one_each), found)
    steady = admitted(part, [n * part.interval_ns for n in range(20)])
    assert len(steady) == 20  # a request of each process in each of its intervals: the whole rate


def test_ten_a_minute_is_ten_a_minute() -> None:
    """Origin 64: "10/min" was ten a second."""
    limit = Limit.of(tokens=10, period_s=60, burst=10)
    all_of_it = [n * NS_PER_S // 10 for n in range(10 * 600)]  # ten times a second, for ten minutes
    assert len(admitted(limit, all_of_it)) == 10 + 10 * 10 - 1
