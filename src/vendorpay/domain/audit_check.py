"""Is a chain what it was when it was written? Recomputes every hash and compares every copy of every fact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from uuid import UUID

import msgspec

from vendorpay.domain.audit import GENESIS, AuditAction, AuditEntry, canonical_bytes, link, notes_digest
from vendorpay.domain.payment import LineItem, content_digest


class ChainHead(msgspec.Struct, frozen=True, kw_only=True):
    """What the payment's own row says: where its chain ends, and the content and status it should prove."""

    payment_id: UUID
    org_id: str
    audit_seq: int
    audit_head: bytes
    status: str
    digest: str
    created_by: str
    approved_by: str | None
    incident_id: UUID
    vendor_id: UUID
    payer_type: str
    payer_id: UUID | None
    amount_cents: int
    currency: str
    payee_account_version: int
    lines: tuple[LineItem, ...]


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it is stored, with its free text (both None once erased; `has_text` says whether there is a row)."""

    entry: AuditEntry
    has_text: bool
    salt: bytes | None
    text: str | None

    @property
    def erased(self) -> bool:
        """The entry had words, and they were erased."""
        return self.entry.notes_digest is not None and self.has_text and self.text is None


class AuditFault(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The first thing wrong with one chain: in which entry (None: in the payment's row), and what."""

    subject_id: UUID
    seq: int | None
    log_id: UUID | None
    what: str


_COLUMNS = tuple(name for name in AuditEntry.__struct_fields__ if name not in {"canonical", "prev_hash", "hash"})


def check_chain(subject_id: UUID, head: ChainHead | None, links: Sequence[Link]) -> AuditFault | None:
    """The first fault of a chain, or None. `links` are all its entries, in the order of their numbers."""
    before = GENESIS
    for number, found in enumerate(links, start=1):
        entry = found.entry
        if (what := next(_wrong_with(found, number, before), None)) is not None:
            return AuditFault(subject_id=subject_id, seq=entry.seq, log_id=entry.log_id, what=what)
        before = entry.hash
    for earlier, later in pairwise(links):
        if later.entry.previous_status != earlier.entry.new_status:
            what = f"begins at status {later.entry.previous_status}, but the entry before ended at another"
            return AuditFault(subject_id=subject_id, seq=later.entry.seq, log_id=later.entry.log_id, what=what)
    what_of_head = _wrong_with_head(head, links)
    if what_of_head is None:
        return None
    return AuditFault(subject_id=subject_id, seq=None, log_id=None, what=what_of_head)


def _wrong_with(found: Link, number: int, before: bytes) -> Iterator[str]:
    entry = found.entry
    if entry.seq != number:
        yield f"entry {number} is missing"
    if entry.prev_hash != before:
        yield "does not name the hash of the entry before it"
    if entry.hash != link(before, entry.canonical):
        yield "its hash is not that of its bytes"
    if entry.canonical != canonical_bytes(**{name: getattr(entry, name) for name in _COLUMNS}):
        yield "its columns are not what its hashed bytes say"
    if (entry.notes_digest is not None) != found.has_text:
        yield "its free text was removed" if entry.notes_digest is not None else "a free text was added to it"
    if found.text is not None and notes_digest(found.salt or b"", found.text) != entry.notes_digest:
        yield "its free text was changed"


def _wrong_with_head(head: ChainHead | None, links: Sequence[Link]) -> str | None:
    if head is None:
        return "the payment of these entries is gone"
    if not links:
        return "the payment has no audit entry"
    last = links[-1].entry
    if (head.audit_seq, head.audit_head, head.org_id) != (last.seq, last.hash, last.org_id):
        return f"the payment's row names entry {head.audit_seq} as the newest, but the chain ends at {last.seq}"
    if head.status != last.new_status:
        return f"the payment is {head.status}, but its newest entry says {last.new_status}"
    digest = content_digest(
        incident_id=head.incident_id,
        vendor_id=head.vendor_id,
        payer_type=head.payer_type,
        payer_id=head.payer_id,
        amount_cents=head.amount_cents,
        currency=head.currency,
        payee_account_version=head.payee_account_version,
        lines=head.lines,
    )
    if not digest == head.digest == last.content_digest:
        return "the payment's job, vendor, payer, amount or line items are not those that its newest entry signs"
    return _wrong_with_people(head, links)


def _wrong_with_people(head: ChainHead, links: Sequence[Link]) -> str | None:
    if head.created_by != links[0].entry.actor_id:
        return f"the payment says {head.created_by} created it, but its first entry is by {links[0].entry.actor_id}"
    approvals = [link.entry.actor_id for link in links if link.entry.action == AuditAction.PAYMENT_APPROVED]
    if head.approved_by is not None and head.approved_by not in approvals[-1:]:
        return f"the payment says {head.approved_by} approved it, but its newest approval is by another"
    return None
