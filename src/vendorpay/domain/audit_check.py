"""Is a chain what it was when it was written? Recomputes every hash and compares every copy of every fact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final
from uuid import UUID

import msgspec

from vendorpay.domain.audit import GENESIS, AuditAction, AuditEntry, SubjectType, canonical_bytes, link, notes_digest
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.payment import HoldKind, LineItem, PayerType, content_digest
from vendorpay.domain.roles import ActorType, Role


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """A valid approval as its row has it; `delegated`, whether whoever it names had delegated that role by then, null
    where it names nobody else."""

    approver_id: str
    audit_seq: int
    role: str
    at: datetime
    delegated: bool | None


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A hold as its row has it, open or released."""

    kind: HoldKind
    placed_by: str
    audit_seq: int
    released_by: str | None
    release_audit_seq: int | None


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
    edited_by: str | None
    incident_id: UUID
    vendor_id: UUID
    payer_type: str
    payer_id: UUID | None
    amount_cents: int
    currency: str
    payee_account_version: int
    open_holds: int
    lines: tuple[LineItem, ...]
    approvals: tuple[Approved, ...]
    holds: tuple[Held, ...]

    @property
    def subject_type(self) -> str:
        """What the chain is about."""
        return SubjectType.PAYMENT

    @property
    def subject_id(self) -> UUID:
        """Which one."""
        return self.payment_id


class SubjectHead(msgspec.Struct, frozen=True, kw_only=True):
    """What the row of anything else says; `content` is the digest of what it holds now, `changed_by` who made its
    newest change, where the row has that.
    """

    subject_type: str
    subject_id: UUID
    org_id: str
    audit_seq: int
    audit_head: bytes
    status: str
    digest: str
    content: str
    created_by: str | None
    changed_by: str | None


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
    """The first thing wrong with one chain: in which entry (None: in the row of what it is about), and what."""

    subject_type: str
    subject_id: UUID
    seq: int | None
    log_id: UUID | None
    what: str


_ACTOR_TYPES = {Role.ADMIN.value: ActorType.ADMIN, Role.SERVICE.value: ActorType.SYSTEM}
"""As what the log has who approves; the trigger of approvals says the same (0021)."""
_GIVEN = frozenset({AuditAction.APPROVAL_RECORDED, AuditAction.PAYMENT_APPROVED})
_Given = frozenset[tuple[int, str]]
"""Approvals: entry and approver."""
_NONE: Final[_Given] = frozenset()
_COLUMNS = tuple(name for name in AuditEntry.__struct_fields__ if name not in {"canonical", "prev_hash", "hash"})


def check_chain(subject_id: UUID, head: ChainHead | SubjectHead | None, links: Sequence[Link]) -> AuditFault | None:
    """The first fault of a chain, or None. `links` are all its entries, in the order of their numbers."""
    subject_type = links[0].entry.subject_type if head is None else head.subject_type
    before = GENESIS
    for number, found in enumerate(links, start=1):
        entry = found.entry
        if (what := next(_wrong_with(found, number, before), None)) is not None:
            return _fault(subject_type, entry, what)
        before = entry.hash
    for earlier, later in pairwise(links):
        if later.entry.previous_status != earlier.entry.new_status:
            what = f"begins at status {later.entry.previous_status}, but the entry before ended at another"
            return _fault(subject_type, later.entry, what)
    what_of_head = _wrong_with_head(head, links)
    if what_of_head is None:
        return None
    return AuditFault(subject_type=subject_type, subject_id=subject_id, seq=None, log_id=None, what=what_of_head)


def _fault(subject_type: str, entry: AuditEntry, what: str) -> AuditFault:
    return AuditFault(
        subject_type=subject_type, subject_id=entry.subject_id, seq=entry.seq, log_id=entry.log_id, what=what
    )


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


def _wrong_with_head(head: ChainHead | SubjectHead | None, links: Sequence[Link]) -> str | None:
    if head is None:
        return f"the {named(links[0].entry.subject_type)} of these entries is gone"
    if not links:
        return f"the {named(head.subject_type)} has no audit entry"
    if (what := _wrong_with_row(head, links[-1].entry)) is not None:
        return what
    return _wrong_with_payment(head, links) if isinstance(head, ChainHead) else _wrong_with_subject(head, links)


def _wrong_with_subject(head: SubjectHead, links: Sequence[Link]) -> str | None:
    called, first, last = named(head.subject_type), links[0].entry.actor_id, links[-1].entry.actor_id
    if head.created_by not in (None, first):
        return f"the {called} says {head.created_by} created it, but its first entry is by {first}"
    if head.changed_by not in (None, last):
        return f"the {called} says {head.changed_by} changed it last, but its newest entry is by {last}"
    return None


def _wrong_with_row(head: ChainHead | SubjectHead, last: AuditEntry) -> str | None:
    called = named(head.subject_type)
    if last.subject_type != head.subject_type:
        return f"the {called}'s entries are about something else"
    if (head.audit_seq, head.audit_head, head.org_id) != (last.seq, last.hash, last.org_id):
        return f"the {called}'s row names entry {head.audit_seq} as the newest, but the chain ends at {last.seq}"
    if head.status != last.new_status:
        return f"the {called} is {head.status}, but its newest entry says {last.new_status}"
    if isinstance(head, SubjectHead) and not head.content == head.digest == last.content_digest:
        return f"what the {called} holds is not what its newest entry signs"
    return None


def named(subject_type: str) -> str:
    """A type of subject in words."""
    return subject_type.replace("_", " ")


def _wrong_with_payment(head: ChainHead, links: Sequence[Link]) -> str | None:
    last = links[-1].entry
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
    if head.edited_by != (editor := _editor_in(links)):
        return f"the payment says {head.edited_by} edited it last, but its entries say {editor}"
    # A driver authorizes their own payment: nobody approves it, whatever its entries are called.
    approver, possible = (None, [_NONE]) if head.payer_type == PayerType.DRIVER_IC else _approvals_in(links)
    if head.approved_by != approver:
        return f"the payment says {head.approved_by} approved it, but its entries say {approver}"
    if {(one.audit_seq, one.approver_id) for one in head.approvals} not in possible:
        return f"its valid approvals are not those of its entries {sorted(seq for seq, _ in possible[0])}"
    return _wrong_with_approvals(head, links) or _wrong_with_holds(head, links)


def _wrong_with_approvals(head: ChainHead, links: Sequence[Link]) -> str | None:
    """An entry says what its actor was; who acts for another has that one's role, by a delegation."""
    entries = {found.entry.seq: found.entry for found in links}
    for one in head.approvals:
        entry = entries[one.audit_seq]
        if one.delegated is None and entry.actor_type != _ACTOR_TYPES.get(one.role, ActorType.USER):
            return f"the approval of its entry {one.audit_seq} is as {one.role}, but the entry is by {entry.actor_type}"
        if one.delegated is False:
            return f"the approval of its entry {one.audit_seq} is in a name that nobody had delegated"
        if one.at != entry.timestamp:
            return f"the approval of its entry {one.audit_seq} is of another time than the entry"
    return None


def _editor_in(links: Sequence[Link]) -> str | None:
    """Who made the present content; None for the creator."""
    editors = [
        later.entry.actor_id
        for earlier, later in pairwise(links)
        if later.entry.content_digest != earlier.entry.content_digest
    ]
    return editors[-1] if editors else None


def _approvals_in(links: Sequence[Link]) -> tuple[str | None, list[_Given]]:
    """Who approved it, and which approvals count, after all that was given, undone and voided.

    Whoever takes back their own of an approved payment takes all with it where the others' would still do; an entry of
    its own says so by now. Chains of before have none: there either is possible, the more usual one first, and whoever
    makes such an approval count again goes unseen. In others only who lets one count no more does: it is given anew.
    """
    approver: str | None = None
    possible = [_NONE]
    for found in links:
        entry = found.entry
        if entry.action in _GIVEN:
            possible = [valid | {(entry.seq, entry.actor_id)} for valid in possible]
            approver = entry.actor_id if entry.action == AuditAction.PAYMENT_APPROVED else None
        elif entry.action == AuditAction.APPROVAL_UNDONE:
            left = [_without(valid, entry.actor_id) for valid in possible]
            either = [_NONE] if entry.previous_status == PaymentStatus.APPROVED else []
            approver, possible = None, list(dict.fromkeys(left + either))
        elif entry.action == AuditAction.APPROVAL_VOIDED:
            approver, possible = None, [_NONE]
    return approver, possible


def _without(valid: _Given, person: str) -> _Given:
    """What is left when somebody undoes: all but their own, and nothing where they gave none."""
    left = frozenset(one for one in valid if one[1] != person)
    return left if left != valid else _NONE


def _wrong_with_holds(head: ChainHead, links: Sequence[Link]) -> str | None:
    actor_of = {found.entry.seq: found.entry.actor_id for found in links}
    placed = {found.entry.seq for found in links if found.entry.action == AuditAction.PAYMENT_HELD}
    releases = [found.entry.seq for found in links if found.entry.action == AuditAction.PAYMENT_RELEASED]
    if missing := placed - {hold.audit_seq for hold in head.holds}:
        return f"the hold of its entry {min(missing)} is gone"
    for hold in head.holds:
        if actor_of.get(hold.audit_seq) != hold.placed_by:
            return f"a hold says that {hold.placed_by} placed it, but its entry {hold.audit_seq} is not theirs"
        if hold.release_audit_seq is not None and actor_of.get(hold.release_audit_seq) != hold.released_by:
            return f"a hold says that {hold.released_by} released it, but entry {hold.release_audit_seq} is not theirs"
        released_in = next((seq for seq in releases if seq > hold.audit_seq), None)
        if hold.kind is HoldKind.MANUAL and hold.release_audit_seq != released_in:
            return f"the hold of its entry {hold.audit_seq} was not released when its entries say"
    if head.open_holds != sum(hold.release_audit_seq is None for hold in head.holds):
        return f"the payment says that {head.open_holds} holds are open, but its holds say another number"
    return None
