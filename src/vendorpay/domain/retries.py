"""When a failed delivery is tried again: pure arithmetic, with chance given as a value."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

JITTER: Final = 0.1
"""Each pause is up to this part longer or shorter, so that what failed together does not come back together."""
ASKED_S_MAX: Final = 24 * 3600.0
"""How long a receiver may ask to be left alone."""
_CHANCE_BITS: Final = 32


class Schedule(msgspec.Struct, frozen=True):
    """The pauses between tries, in order: one more try than pauses."""

    pauses_s: tuple[float, ...]

    @property
    def attempts_max(self) -> int:
        """How often it is tried before it is a dead letter."""
        return len(self.pauses_s) + 1


_MINUTE: Final = 60.0
_HOUR: Final = 3600.0

WEBHOOKS: Final = Schedule(
    (5.0, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR)
)
"""The schedule that Standard Webhooks recommends: ten tries within 3 days and 3.6 hours."""

CONSUMERS: Final = Schedule(tuple(min(2.0**n, 5 * _MINUTE) for n in range(9)))
"""For our own consumers: a second, doubling, never above five minutes; ten tries within nine minutes."""

BUS: Final = Schedule(tuple(min(2.0**n, 5 * _MINUTE) for n in range(296)))
"""For events that the bus refuses, one by one: a second, doubling, never above five minutes; for a day. That the bus
itself is away counts as no try."""


def pause_s(schedule: Schedule, attempt: int, chance: float, asked_s: float | None = None) -> float | None:
    """The seconds from a failed `attempt` (1, 2, ..) to the next; None when that was the last.

    `chance` in [0, 1) spreads it. What the receiver asked for is heeded up to a day, and never shortens the pause.
    """
    assert attempt >= 1, "attempts count from 1"
    if attempt >= schedule.attempts_max:
        return None
    spread = schedule.pauses_s[attempt - 1] * (1 - JITTER + 2 * JITTER * chance)
    return max(spread, min(asked_s or 0.0, ASKED_S_MAX))


def chance_of(delivery_id: UUID, attempt: int) -> float:
    """A number in [0, 1) as good as chance, from the random bits of the delivery's id: another one for each try."""
    bits = 1 << _CHANCE_BITS
    # Multiplied by the golden ratio's bits, neighbours in `attempt` end up far apart.
    return ((delivery_id.int + attempt * 0x9E3779B1) % bits) / bits
