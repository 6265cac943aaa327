"""Verify the audit: every chain against the head in its subject's row, and checkpoints, from one snapshot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final
from uuid import UUID

import msgspec

from vendorpay.domain.audit_check import AuditFault, ChainHead, Link, SubjectHead, check_chain
from vendorpay.domain.audit_months import MissingMonth, Months
from vendorpay.domain.checkpoint import Document
from vendorpay.store import audit_log, audit_subjects
from vendorpay.store.db import Connection, Database
from vendorpay.usecases import verify_checkpoints
from vendorpay.usecases.verify_checkpoints import CheckpointReport

FAULTS_SHOWN_MAX: Final = 100
Head = ChainHead | SubjectHead
Progress = Callable[[str, int, int], None]
"""Told what is being checked (chains, or positions of checkpoints), how many of them are, and of how many."""


class AuditReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the verifier found; `faults` has the first one of each broken chain, at most 100 of them.

    `missing_months` are those whose partitions are not there; chains in them are not counted as broken.
    """

    chains: int
    entries: int
    erased: int
    broken: int
    faults: tuple[AuditFault, ...]
    missing_months: tuple[MissingMonth, ...]
    checkpoints: CheckpointReport

    @property
    def clean(self) -> bool:
        """Nothing was tampered with, as far as heads and checkpoints can tell, and nothing is missing unsaid."""
        return self.broken == 0 and self.checkpoints.broken == 0 and all(each.archived for each in self.missing_months)


async def verify(
    database: Database,
    subject_id: UUID | None,
    progress: Progress = lambda what, done, total: None,
    *,
    documents: Iterable[Document] = (),
    archived: frozenset[str] = frozenset(),
) -> AuditReport:
    """Checks all chains and checkpoints, or one subject's chain and what `documents` say of it.

    `documents` are checkpoints that were kept elsewhere, in the order of their numbers; `archived` are months, as
    2026-01, whose partitions were moved elsewhere. Raises DatabaseUnavailable, and what reading `documents` raises.
    """
    chains = entries = erased = broken = 0
    faults: list[AuditFault] = []
    async with database.reading(for_long=True) as connection, audit_log.snapshot(connection):
        months = Months(await audit_subjects.attached(connection), archived)
        total = await audit_log.heads_count(connection, subject_id)
        total += await audit_subjects.heads_count(connection, subject_id)
        async for chain_of, head, links in _chains(connection, subject_id):
            chains += 1
            entries += len(links)
            erased += sum(link.erased for link in links)
            progress("chains", chains, total)
            if not links and not months.has(chain_of):
                months.miss_chain(chain_of)
            elif (fault := check_chain(chain_of, head, links)) is not None:
                broken += 1
                if len(faults) < FAULTS_SHOWN_MAX:
                    faults.append(fault)
        if subject_id is None:
            compared = await verify_checkpoints.check_all(
                connection, documents, months, lambda done, total: progress("positions", done, total)
            )
        else:
            compared = await verify_checkpoints.check_one(connection, documents, subject_id)
    return AuditReport(
        chains=chains,
        entries=entries,
        erased=erased,
        broken=broken,
        faults=tuple(faults),
        missing_months=months.missed(),
        checkpoints=compared,
    )


def _chains(connection: Connection, subject_id: UUID | None) -> AsyncIterator[tuple[UUID, Head | None, list[Link]]]:
    payments, others = audit_log.heads(connection, subject_id), audit_subjects.heads(connection, subject_id)
    return _by_chain(_merged(payments, others), audit_log.links(connection, subject_id))


async def _merged(payments: AsyncIterator[ChainHead], others: AsyncIterator[SubjectHead]) -> AsyncIterator[Head]:
    """Both kinds of heads as one, in the order of ids."""
    payment, other = await anext(payments, None), await anext(others, None)
    while payment is not None or other is not None:
        if other is None or (payment is not None and payment.subject_id < other.subject_id):
            assert payment is not None
            yield payment
            payment = await anext(payments, None)
        else:
            yield other
            other = await anext(others, None)


async def _by_chain(
    heads: AsyncIterator[Head], links: AsyncIterator[Link]
) -> AsyncIterator[tuple[UUID, Head | None, list[Link]]]:
    """Heads and links side by side, both in the order of ids; either may lack what the other has."""
    head, link = await anext(heads, None), await anext(links, None)
    while head is not None or link is not None:
        ids = [head.subject_id] if head is not None else []
        subject_id = min(ids + ([link.entry.subject_id] if link is not None else []))
        chain: list[Link] = []
        while link is not None and link.entry.subject_id == subject_id:
            chain.append(link)
            link = await anext(links, None)
        if head is not None and head.subject_id == subject_id:
            yield subject_id, head, chain
            head = await anext(heads, None)
        else:
            yield subject_id, None, chain
