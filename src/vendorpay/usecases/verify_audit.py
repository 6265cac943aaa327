"""Verify the audit: recompute every chain against the head in its payment's row, from one snapshot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final
from uuid import UUID

import msgspec

from vendorpay.domain.audit_check import AuditFault, ChainHead, Link, check_chain
from vendorpay.store import audit_log
from vendorpay.store.db import Database

FAULTS_SHOWN_MAX: Final = 100
Progress = Callable[[int, int], None]
"""Told how many chains are checked, of how many."""


class AuditReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the verifier found; `faults` has the first one of each broken chain, at most 100 of them."""

    chains: int
    entries: int
    erased: int
    broken: int
    faults: tuple[AuditFault, ...]

    @property
    def clean(self) -> bool:
        """Nothing was tampered with, as far as the heads can tell."""
        return self.broken == 0


async def verify(
    database: Database, payment_id: UUID | None, progress: Progress = lambda done, total: None
) -> AuditReport:
    """Checks all chains, or one payment's. Raises DatabaseUnavailable."""
    chains = entries = erased = broken = 0
    faults: list[AuditFault] = []
    async with database.reading(for_long=True) as connection, audit_log.snapshot(connection):
        total = await audit_log.heads_count(connection, payment_id)
        merged = _by_chain(audit_log.heads(connection, payment_id), audit_log.links(connection, payment_id))
        async for subject_id, head, links in merged:
            chains += 1
            entries += len(links)
            erased += sum(link.erased for link in links)
            if (fault := check_chain(subject_id, head, links)) is not None:
                broken += 1
                if len(faults) < FAULTS_SHOWN_MAX:
                    faults.append(fault)
            progress(chains, total)
    return AuditReport(chains=chains, entries=entries, erased=erased, broken=broken, faults=tuple(faults))


async def _by_chain(
    heads: AsyncIterator[ChainHead], links: AsyncIterator[Link]
) -> AsyncIterator[tuple[UUID, ChainHead | None, list[Link]]]:
    """Heads and links side by side, both in the order of ids; either may lack what the other has."""
    head, link = await anext(heads, None), await anext(links, None)
    while head is not None or link is not None:
        ids = [head.payment_id] if head is not None else []
        subject_id = min(ids + ([link.entry.subject_id] if link is not None else []))
        chain: list[Link] = []
        while link is not None and link.entry.subject_id == subject_id:
            chain.append(link)
            link = await anext(links, None)
        if head is not None and head.payment_id == subject_id:
            yield subject_id, head, chain
            head = await anext(heads, None)
        else:
            yield subject_id, None, chain
