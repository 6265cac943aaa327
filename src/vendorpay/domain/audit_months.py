"""Which months of the audit log the database still has: a partition that was detached is no entry that was removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec


class MissingMonth(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A month without its partition: so many chains could not be checked, nor entries that checkpoints cover.

    `archived`: whoever started the verifier said that the month was moved elsewhere.
    """

    month: str
    chains: int
    covered_entries: int
    archived: bool


class Months:
    """The months that are attached, and a tally of what was missed in the others."""

    def __init__(self, attached: Sequence[tuple[UUID | None, UUID]], archived: frozenset[str]) -> None:
        self._attached = attached
        self._archived = archived
        self._chains: Counter[str] = Counter()
        self._entries: Counter[str] = Counter()

    def has(self, subject_id: UUID) -> bool:
        """Whether the chain of this subject would lie in a partition that is there."""
        return any((low is None or low <= subject_id) and subject_id < high for low, high in self._attached)

    def miss_chain(self, subject_id: UUID) -> None:
        """Counts a chain that cannot be checked."""
        self._chains[month_of(subject_id)] += 1

    def miss_entry(self, subject_id: UUID) -> None:
        """Counts an entry of a checkpoint that cannot be checked."""
        self._entries[month_of(subject_id)] += 1

    def missed(self) -> tuple[MissingMonth, ...]:
        """What was missed, month by month."""
        return tuple(
            MissingMonth(
                month=month,
                chains=self._chains[month],
                covered_entries=self._entries[month],
                archived=month in self._archived,
            )
            for month in sorted(self._chains.keys() | self._entries.keys())
        )


def month_of(subject_id: UUID) -> str:
    """The month, as 2026-01, that a UUIDv7 was made in."""
    try:
        return datetime.fromtimestamp((subject_id.int >> 80) / 1000, UTC).strftime("%Y-%m")
    except (ValueError, OverflowError):
        return "of no time"
