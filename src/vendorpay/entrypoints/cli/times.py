"""Times and periods as they are written on a command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from vendorpay.entrypoints.cli.checks import Faults

_PERIOD: Final = re.compile(r"([0-9]{1,6})([smhd])\Z")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
PERIOD_MAX: Final = timedelta(days=3650)


def moment_of(faults: Faults, option: str, text: str | None) -> datetime:
    """A time with its zone; a fault is put on the list."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        faults.add(f"{option} must be a time with its zone like 2026-01-01T00:00:00Z, not {(text or '')[:40]!r}.")
        return datetime.min.replace(tzinfo=UTC)
    return found


def end_of(faults: Faults, until: str | None, lasting: str | None, start: datetime | None) -> datetime | None:
    """When a period ends that is given by --until or by --for, which begins at `start`, or now; None without either.

    What may not be is only that both are given: whether an end is needed, and how far off it may be, the service says.
    """
    if until is not None and lasting is not None:
        faults.add("Give --until with a time, or --for with a period: not both.")
    if until is not None:
        return moment_of(faults, "--until", until)
    if lasting is None:
        return None
    found = _PERIOD.match(lasting)
    period = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta()
    if not timedelta() < period <= PERIOD_MAX:
        faults.add(f"--for must be like 45m, 12h or 7d, and at most {PERIOD_MAX.days}d, not {lasting[:40]!r}.")
        return None
    from vendorpay.entrypoints.ids import system_now

    try:
        return (start or system_now()) + period
    except OverflowError:
        faults.add("--from and --for lead beyond the end of the calendar.")
        return None
