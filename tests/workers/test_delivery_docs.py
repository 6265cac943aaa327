"""docs/delivery.md says what the relay does."""

import re
from pathlib import Path

from vendorpay.domain.retries import BUS, CONSUMERS, WEBHOOKS
from vendorpay.usecases.relay_leases import LEASE_S, RENEWALS_PER_LEASE
from vendorpay.usecases.relay_room import ORGANISATIONS_MIN, ROOM_MAX

PAGE = re.sub(r"\s+", " ", (Path(__file__).parents[2] / "docs/delivery.md").read_text())


def test_the_times_of_leases_are_those_of_the_relay() -> None:
    renewed_s = LEASE_S / RENEWALS_PER_LEASE
    assert f"Leases last {LEASE_S:g} s by the database's clock and are renewed every {renewed_s:g} s." in PAGE
    assert f"the others take its shards within {LEASE_S + renewed_s:g} s;" in PAGE


def test_the_room_is_that_of_the_relay() -> None:
    most = ROOM_MAX["webhook"]
    assert f"{most} webhooks under way at most, {most // ORGANISATIONS_MIN} of them for one organisation" in PAGE
    assert f"room of their own, for {ROOM_MAX['consumer']}." in PAGE
    assert f"So has the event bus, where there is one (AWS), for {ROOM_MAX['bus']}." in PAGE


def test_the_tries_are_those_of_the_schedules() -> None:
    units = {"s": 1, "min": 60, "h": 3600}
    (row,) = re.findall(r"\| webhook endpoints \| (\d+), [^|]+ \| ([^|]+) \|", PAGE)
    told = [int(number) * units[unit] for number, unit in re.findall(r"(\d+) (s|min|h)", row[1])]
    assert (int(row[0]), told) == (WEBHOOKS.attempts_max, list(WEBHOOKS.pauses_s))
    assert f"| consumers | {CONSUMERS.attempts_max}, " in PAGE
    assert f"| the event bus, for what it refuses | {BUS.attempts_max}, within a day |" in PAGE
    assert 86_000 < sum(BUS.pauses_s) < 90_000
    assert max(BUS.pauses_s) == 300
