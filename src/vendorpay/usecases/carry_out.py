"""The write path: a batch of commands in one transaction (architecture.md, idea 2; correctness.md 1-5).

Locks, recalls, decides, writes and commits. One bad command never fails its neighbours: it is refused before any
write. What the database refuses runs again one by one. A COMMIT without an answer is looked into before anything is
tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
import psycopg

from vendorpay.domain.delegations import DelegationState
from vendorpay.domain.errors import DatabaseUnavailable, IdempotencyInFlight, IdempotencyKeyReused, Overloaded
from vendorpay.domain.fraud_listing import ListingState
from vendorpay.domain.fraud_rule_sets import RuleSetState
from vendorpay.domain.limits import LimitRow
from vendorpay.domain.payment import PaymentState
from vendorpay.domain.policies import PolicyState
from vendorpay.domain.webhooks import EndpointState
from vendorpay.store import claims, limit_rows
from vendorpay.store.batch_writer import Rows, write_and_commit
from vendorpay.store.claims import Held, PolicyQuestion, VendorQuestion, Wanted
from vendorpay.store.constraints import refusal_of, worth_another_try
from vendorpay.store.db import Connection, Database, explained, is_lost
from vendorpay.usecases.active_policies import UNKNOWN, ActivePolicies, ActivePolicy
from vendorpay.usecases.at_once import at_once, were_written
from vendorpay.usecases.command import Command, Done, Facts, Outcome, PaymentChange, Salt
from vendorpay.usecases.fate import found_out
from vendorpay.usecases.put_on_record import put_on_record

ATTEMPTS_MAX: Final = 3
LOOKS_MAX: Final = 5
"""How often one attempt looks again because another approval policy applies by then."""


class Straggler(Exception):
    """A command that must wait for a lock, and does so without its batch."""


Result = Done | Exception
"""A command's answer, the error it was refused with, or Straggler."""


@dataclass(frozen=True, kw_only=True)
class WritePath:
    """What carrying out commands needs."""

    database: Database
    now: Callable[[], datetime]
    new_id: Callable[[datetime], UUID]
    new_salt: Salt
    scoring: bool = False
    """Whether new content waits for a fraud score."""
    policies: ActivePolicies | None = None
    """What is known of approval policies; None where a plain number of approvals is asked for."""


class _CommitUnanswered(Exception):
    def __init__(self, xid: str, written: list[UUID], results: list[Result]) -> None:
        self.xid, self.written, self.results = xid, written, results
        super().__init__(xid)


async def carry_out(path: WritePath, commands: Sequence[Command], *, wait: bool = False) -> list[Result]:
    """The result of each command, in their order; no two of them may claim the same thing.

    With `wait` (for one command alone) locks are waited for, up to the role's lock_timeout; without, a command whose
    lock another transaction holds comes back as Straggler.
    """
    if not wait and all(command.refused_by_keys for command in commands) and _knows_enough(path, commands):
        return await _guessed(path, commands)
    return await _batch(path, commands, wait=wait)


def _knows_enough(path: WritePath, commands: Sequence[Command]) -> bool:
    """Whether the commands can decide on a guess: the policies are at hand, and none asks for a vendor's past."""
    if path.policies is None:
        return True
    orgs = {command.caller.org_id for command in commands}
    return not any(path.policies.version(org) == UNKNOWN or path.policies.asks_for_history(org) for org in orgs)


async def _guessed(path: WritePath, commands: Sequence[Command]) -> list[Result]:
    now, wanted = path.now(), _wanted(path, commands)

    def decided(held: Held, rows: Rows) -> list[Result]:
        applying = _applying(path, held)
        return [_decided(path, command, held, applying, now, rows) for command in commands]

    tried = await at_once(path.database, commands, wanted, decided)
    if tried.answers is not None:
        return list(tried.answers)
    results = await _batch(path, commands, wait=False)
    if tried.doubtful is None or all(isinstance(result, Done) and not result.replayed for result in results):
        return results
    # What stands in their way may be themselves: the statement that nobody heard of again.
    return list(tried.doubtful) if await were_written(path.database, wanted, commands) else results


async def _batch(path: WritePath, commands: Sequence[Command], *, wait: bool) -> list[Result]:
    cause: Exception | None = None
    for _ in range(ATTEMPTS_MAX):
        try:
            return await _attempt(path, commands, wait=wait)
        except _CommitUnanswered as unanswered:
            cause = unanswered
            match await _was_committed(path.database, unanswered):
                case True:
                    return unanswered.results
                case None:
                    break
        except DatabaseUnavailable as error:
            return [error] * len(commands)
        except Exception as error:  # refused by the database, or a bug that shows only when rows are written
            cause = error
            if is_lost(error):
                continue
            if len(commands) > 1:
                return await _one_by_one(path, commands, wait=wait)
            if not worth_another_try(error):
                return [_because_of(error, refusal_of(error) or explained(error))]
    return [_because_of(cause, DatabaseUnavailable())] * len(commands)


def _because_of(cause: Exception | None, error: Exception) -> Exception:
    """The error with what the log should say of its cause."""
    if error is not cause:
        error.__cause__ = cause
    return error


async def _one_by_one(path: WritePath, commands: Sequence[Command], *, wait: bool) -> list[Result]:
    results: list[Result] = []
    for command in commands:
        if results and isinstance(results[-1], DatabaseUnavailable):
            results.append(DatabaseUnavailable())  # each look would take seconds, and find the same
        else:
            results += await _batch(path, [command], wait=wait)
    return results


async def _attempt(path: WritePath, commands: Sequence[Command], *, wait: bool) -> list[Result]:
    async with path.database.connection() as connection:
        held = await _taken(path, connection, commands, wait=wait)
        applying = _applying(path, held)  # before anything is waited for: others may learn of another policy meanwhile
        rows = Rows()
        now = path.now()
        used = await _limits_used(connection, commands, held, now)
        results = [_decided(path, command, held, applying, now, rows, used) for command in commands]
        if not rows:
            await connection.execute(b"ROLLBACK")
            return results
        try:
            await write_and_commit(connection, rows)
        except psycopg.Error as error:
            if not is_lost(error):
                raise
            written = [command_id for command_id, *_ in rows.by_block["commands"]]
            raise _CommitUnanswered(held.xid, written, results) from error
        return results


async def _limits_used(
    connection: Connection, commands: Sequence[Command], held: Held, now: datetime
) -> dict[LimitRow, int]:
    """What is taken of the limits that the commands ask for; one look, and only where a payment's rule has limits."""
    asked: set[LimitRow] = set()
    for command in commands:
        state = held.states.get(subject) if (subject := command.subject_claim()) else None
        if isinstance(state, PaymentState) and state.rule is not None and state.rule.limits:
            asked.update(one.row(subject.org_id) for one in command.limits_asked(state, now) if subject)
    return await limit_rows.used(connection, sorted(asked)) if asked else {}


async def _taken(path: WritePath, connection: Connection, commands: Sequence[Command], *, wait: bool) -> Held:
    """What is locked and found. When another policy applies than was thought, it may ask for other facts: once more."""
    for _ in range(LOOKS_MAX):
        held = await claims.take(connection, _wanted(path, commands), wait=wait)
        if not _learnt(path, held):
            return held
        await connection.execute(b"ROLLBACK")
    raise Overloaded  # policies are activated faster than payments are made


def _learnt(path: WritePath, held: Held) -> bool:
    known = path.policies
    if known is None:
        return False
    learnt = [known.learn(org_id, found.version, found.document) for org_id, found in held.policies.items()]
    return any(learnt)


def _wanted(path: WritePath, commands: Sequence[Command]) -> Wanted:
    known = path.policies
    asking = [] if known is None else [command for command in commands if command.asks_policy()]
    return Wanted(
        keys=[command.key_claim for command in commands if command.key],
        events=[event for command in commands if (event := command.event_claim()) is not None],
        jobs=[job for command in commands if (job := command.job_claim()) is not None],
        feeds=[feed for command in commands if (feed := command.feed_claim()) is not None],
        subjects=[subject for command in commands if (subject := command.subject_claim()) is not None],
        policy_books=[books for command in commands if (books := command.policies_claim()) is not None],
        policies=[
            PolicyQuestion(org, known.version(org))
            for org in sorted({command.caller.org_id for command in asking})
            if known is not None
        ],
        delegations=sorted({found for command in commands if (found := command.delegation_question())}, key=repr),
        vendors=[
            vendor
            for command in asking
            if known is not None
            and (vendor := _vendor(command, asked=known.asks_for_history(command.caller.org_id))) is not None
        ],
    )


def _vendor(command: Command, *, asked: bool) -> VendorQuestion | None:
    """The vendor of a new job, where the policy asks for their past."""
    job = command.job_claim() if asked else None
    return None if job is None else VendorQuestion(command.caller.org_id, job.vendor_id)


def _decided(
    path: WritePath,
    command: Command,
    held: Held,
    applying: Mapping[str, ActivePolicy],
    now: datetime,
    rows: Rows,
    used: dict[LimitRow, int] | None = None,
) -> Result:
    """One command's result; what it leads to is added to `rows`, and what it takes of limits to `used`."""
    if command.key:
        if command.key_claim not in held.locked:
            return IdempotencyInFlight()
        if (before := held.remembered.get(command.key_claim)) is not None:
            if before.fingerprint != command.key.fingerprint:
                return IdempotencyKeyReused()
            return Done(answer=before.answer, payment_id=before.payment_id, replayed=True)
    job, event, feed = command.job_claim(), command.event_claim(), command.feed_claim()
    subject = command.subject_claim()
    books = command.policies_claim()
    unlocked = [claim for claim in (job, event, feed, books) if claim is not None and claim not in held.locked]
    if unlocked or (subject is not None and subject not in held.states and subject.subject_id in held.present):
        return Straggler()
    facts = _facts(path, command, held, applying, now, used)
    own = Rows()
    try:
        outcome: Outcome = command.decide(facts)
        put_on_record(own, command, outcome, facts, path.new_salt)
    except Exception as refusal:  # not of VendorPayError alone: a bug, too, is its own command's and no neighbour's
        return refusal
    rows.take(own)
    if used is not None:
        _count(used, outcome, command.caller.org_id)
    return Done(answer=outcome.answer, payment_id=outcome.payment_id)


def _facts(
    path: WritePath,
    command: Command,
    held: Held,
    applying: Mapping[str, ActivePolicy],
    now: datetime,
    used: dict[LimitRow, int] | None,
) -> Facts:
    """What was found for one command."""
    job, event, feed = command.job_claim(), command.event_claim(), command.feed_claim()
    subject = command.subject_claim()
    state = held.states.get(subject) if subject else None
    policy = applying.get(command.caller.org_id) if command.asks_policy() else None
    vendor = _vendor(command, asked=policy is not None and policy.policy.asks_for_history)
    return Facts(
        now=now,
        new_id=lambda: path.new_id(now),
        state=state if isinstance(state, PaymentState) else None,
        endpoint=state if isinstance(state, EndpointState) else None,
        delegation_state=state if isinstance(state, DelegationState) else None,
        policy_state=state if isinstance(state, PolicyState) else None,
        fraud_subject=state if isinstance(state, ListingState | RuleSetState) else None,
        feed=held.feeds.get(feed) if feed else None,
        twin=held.twins.get(job) if job else None,
        seen=held.seen.get(event) if event else None,
        policy=policy,
        delegations=held.delegations.get(asked, ()) if (asked := command.delegation_question()) else (),
        vendor_is_new=None if vendor is None else vendor not in held.known_vendors,
        scoring=path.scoring,
        limits_used=used or {},
    )


def _count(used: dict[LimitRow, int], outcome: Outcome, org_id: str) -> None:
    """Lets the next command of the batch see what this one takes and gives back."""
    if isinstance(outcome.change, PaymentChange):
        for sign, parts in ((1, outcome.change.used), (-1, outcome.change.returned)):
            for one in parts:
                used[one.row(org_id)] = used.get(one.row(org_id), 0) + sign * one.amount_cents


def _applying(path: WritePath, held: Held) -> dict[str, ActivePolicy]:
    """The policies that apply by what was just found, by organisation; none where policies are off."""
    if path.policies is None:
        return {}
    applying = {}
    for org_id, found in held.policies.items():
        known = path.policies.get(org_id)
        assert known is not None, "what was found was learnt"
        assert known.version == found.version, "nothing was waited for since"
        applying[org_id] = msgspec.structs.replace(known, last_version=found.last_version)
    return applying


async def _was_committed(database: Database, unanswered: _CommitUnanswered) -> bool | None:
    """Whether the transaction was committed; None when that cannot be found out in time.

    Its command rows are the proof, for a crashed server may give its number to another transaction; the number only
    tells whether it may still be under way.
    """

    async def ask(connection: Connection) -> bool | None:
        fate = await _fate(connection, unanswered.xid)
        if await claims.committed(connection, unanswered.written):
            return True
        return None if fate == "in progress" else False

    return await found_out(database, ask)


async def _fate(connection: Connection, xid: str) -> str | None:
    try:
        return await claims.fate(connection, xid)
    except psycopg.errors.InvalidParameterValue:
        return "aborted"  # the server crashed before anything of the transaction reached its disk
