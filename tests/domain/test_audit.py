"""The chain: any change of any entry shows, and the bytes that are hashed never change from release to release."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vendorpay.domain.audit import (
    GENESIS,
    Actor,
    AuditAction,
    AuditEntry,
    NewEntry,
    SubjectType,
    canonical_bytes,
    chain_on,
    link,
    notes_digest,
)
from vendorpay.domain.payment import Chains
from vendorpay.domain.roles import ActorType

GOLDEN_HASH = "6948556cdd7cb143debb8900f320ba7463fad71f0ee0be3352a3213092f21602"
SUBJECT = UUID("01939b5e-7c00-7000-8000-000000000001")
AT = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
FACTS: dict[str, Any] = {
    "log_id": UUID("01939b5e-7c00-7000-8000-000000000002"),
    "org_id": "acme",
    "subject_type": "payment",
    "subject_id": SUBJECT,
    "payment_id": SUBJECT,
    "seq": 1,
    "action": "payment_created",
    "actor_id": 'Zoë "Z" <z@example.org>\u2028',
    "actor_type": "user",
    "previous_status": None,
    "new_status": "pending_approval",
    "reason_code": None,
    "content_digest": "ab" * 32,
    "notes_digest": bytes(range(32)),
    "timestamp": AT,
}


def chained(count: int, notes: str | None = None) -> tuple[Chains, list[AuditEntry]]:
    numbers = iter(range(1, 10_000))
    entries = [
        NewEntry(
            action=AuditAction.APPROVAL_RECORDED,
            previous_status="pending_approval",
            new_status="pending_approval",
            content_digest="ab" * 32,
            notes=notes,
        )
    ] * count
    chains, links, _ = chain_on(
        Chains(),
        entries,
        org_id="acme",
        subject_type=SubjectType.PAYMENT,
        subject_id=SUBJECT,
        actor=Actor(id="ann", type=ActorType.USER),
        now=AT,
        new_id=lambda: UUID(int=next(numbers)),
        new_salt=lambda: b"salt",
    )
    return chains, links


def facts_of(entry: AuditEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in FACTS}


def holds(entries: list[AuditEntry], head: bytes) -> bool:
    """Whether the chain, read as an outsider would, is whole and ends at the head."""
    previous = GENESIS
    for number, entry in enumerate(entries, start=1):
        if entry.seq != number or entry.prev_hash != previous or entry.canonical != canonical_bytes(**facts_of(entry)):
            return False
        if entry.hash != hashlib.sha256(previous + entry.canonical).digest():
            return False
        previous = entry.hash
    return previous == head


OTHERS: dict[str, Any] = {
    "log_id": UUID(int=77),
    "org_id": "other",
    "subject_type": "vendor",
    "subject_id": UUID(int=78),
    "payment_id": None,
    "seq": 99,
    "action": "payment_rejected",
    "actor_id": "mallory",
    "actor_type": "system",
    "previous_status": "failed",
    "new_status": "approved",
    "reason_code": "duplicate",
    "content_digest": "cd" * 32,
    "notes_digest": bytes(32),
    "timestamp": AT + timedelta(microseconds=1),
    "canonical": b"{}",
    "prev_hash": bytes(31) + b"x",
    "hash": bytes(31) + b"y",
}


def test_a_chain_that_nobody_touched_holds() -> None:
    chains, entries = chained(5, notes="too high")
    assert holds(entries, chains.audit_head)
    assert chains.audit_seq == 5


@given(st.integers(1, 6), st.data())
def test_fault_59_any_change_of_any_entry_breaks_the_chain(count: int, data: st.DataObject) -> None:
    chains, entries = chained(count)
    where = data.draw(st.integers(0, count - 1))
    name = data.draw(st.sampled_from(sorted(OTHERS)))
    entries[where] = msgspec.structs.replace(entries[where], **{name: OTHERS[name]})
    assert not holds(entries, chains.audit_head)


@given(st.integers(2, 6), st.data())
def test_fault_59_a_rehashed_forgery_still_breaks_the_link_after_it_or_the_head(
    count: int, data: st.DataObject
) -> None:
    chains, entries = chained(count)
    where = data.draw(st.integers(0, count - 1))
    forged = msgspec.structs.replace(entries[where], actor_id="mallory")
    canonical = canonical_bytes(**facts_of(forged))
    entries[where] = msgspec.structs.replace(forged, canonical=canonical, hash=link(forged.prev_hash, canonical))
    assert not holds(entries, chains.audit_head)


@given(st.integers(2, 6), st.data())
def test_fault_59_an_entry_left_out_doubled_or_moved_breaks_the_chain(count: int, data: st.DataObject) -> None:
    chains, entries = chained(count)
    where = data.draw(st.integers(0, count - 1))
    assert not holds(entries[:where] + entries[where + 1 :], chains.audit_head)
    assert not holds([*entries[: where + 1], *entries[where:]], chains.audit_head)
    assert not holds(entries[::-1], chains.audit_head)


@pytest.mark.parametrize("name", sorted(FACTS))
def test_every_fact_is_in_the_canonical_bytes(name: str) -> None:
    assert canonical_bytes(**{**FACTS, name: OTHERS[name]}) != canonical_bytes(**FACTS)


def test_canonical_bytes_are_the_same_for_ever() -> None:
    """A golden vector: should this fail, every chain in every database would read as tampered."""
    assert (
        canonical_bytes(**FACTS)
        == (
            '{"action":"payment_created","actorId":"Zoë \\"Z\\" <z@example.org>\u2028","actorType":"user",'
            f'"contentDigest":"{"ab" * 32}","logId":"01939b5e-7c00-7000-8000-000000000002",'
            '"newStatus":"pending_approval",'
            '"notesDigest":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","orgId":"acme",'
            '"paymentId":"01939b5e-7c00-7000-8000-000000000001","previousStatus":null,"reasonCode":null,"seq":1,'
            '"subjectId":"01939b5e-7c00-7000-8000-000000000001","subjectType":"payment",'
            '"timestamp":"2026-03-04T05:06:07.000089Z"}'
        ).encode()
    )


def test_the_hash_is_the_same_for_ever() -> None:
    assert link(GENESIS, b"{}").hex() == hashlib.sha256(bytes(32) + b"{}").hexdigest()
    assert link(GENESIS, canonical_bytes(**FACTS)).hex() == GOLDEN_HASH


def test_the_same_moment_in_another_zone_gives_the_same_bytes() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert canonical_bytes(**{**FACTS, "timestamp": elsewhere}) == canonical_bytes(**FACTS)


@given(st.text(max_size=40))
def test_canonical_bytes_are_json_that_reads_back_with_sorted_keys(actor: str) -> None:
    read = json.loads(canonical_bytes(**{**FACTS, "actor_id": actor}))
    assert read["actorId"] == actor
    assert list(read) == sorted(read)


@given(st.binary(min_size=16, max_size=16), st.text(min_size=1), st.text(min_size=1))
def test_a_digest_of_notes_is_that_of_its_salt_and_text_alone(salt: bytes, text: str, other: str) -> None:
    assert (notes_digest(salt, text) == notes_digest(salt, other)) == (text == other)
    assert notes_digest(salt + b"x", text) != notes_digest(salt, text)


def test_notes_are_kept_apart_with_their_salt_and_empty_ones_not_at_all() -> None:
    _, with_notes = chained(1, notes="too high")
    assert with_notes[0].notes_digest == notes_digest(b"salt", "too high")
    assert b"too high" not in with_notes[0].canonical
    _, without = chained(1, notes="")
    assert without[0].notes_digest is None
