"""Score a payment: our own consumer of its events. Asks the provider, in time or not at all, and records what it said.

Nothing is called while a row is locked: facts are read, the provider is asked, and the command then looks whether the
content is still the one that was judged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from vendorpay import metrics, observe
from vendorpay.domain.feed import FeedEvent
from vendorpay.domain.fraud.finding import Assessment
from vendorpay.domain.fraud.rule_set import RuleSet
from vendorpay.domain.fraud.score import assess
from vendorpay.domain.fraud_cases import SCORER
from vendorpay.domain.fraud_verdict import Verdict, unknown
from vendorpay.domain.payment import FraudReason
from vendorpay.domain.vendor_standing import heeding
from vendorpay.ports import FraudProvider, NoScore
from vendorpay.store import fraud_cases
from vendorpay.usecases.command import Command
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.fraud_reads import Known
from vendorpay.usecases.record_score import RecordScore, scorer_of

PROVIDER_S_MAX: Final = 2.0
"""How long a provider may take: well within the five seconds in which a payment has its score."""
REASONS_MAX: Final = 10
"""How many findings a payment shows; its score keeps them all."""

AGAIN_MAX: Final = 100
"""How many are tried again at once."""
STEP_S_MAX: Final = 10.0
"""After so long a step begins with no other payment: a function that takes steps has seconds, and a provider that
dawdles has two for each. What is scored by then is on record."""

LEFT_OUT_AFTER: Final = timedelta(seconds=10)
"""How long a payment waits before it is asked whether any event still tells of it: one is numbered well within that."""

EVENT_TYPES: Final = ("PaymentCreated", "PaymentUpdated")
_CONTENT: Final = frozenset({"lineItems", "amountCents"})


class _Updated(msgspec.Struct):
    changes: tuple[str, ...] = ()


async def for_event(deps: Deps, event: FeedEvent) -> Command | None:
    """The command that records the score of the payment an event is about; None where its content has one."""
    if event.event_type == "PaymentUpdated":
        updated = msgspec.json.decode(event.detail, type=_Updated)
        if _CONTENT.isdisjoint(updated.changes):
            return None
    return await scored(deps, event.org_id, event.aggregate_id, event)


async def scored(deps: Deps, org_id: str, payment_id: UUID, event: FeedEvent | None) -> RecordScore | None:
    """The payment's score as a command; None when it waits for none, or nobody here can give one.

    Raises DatabaseUnavailable or Overloaded when its facts cannot be read.
    """
    if deps.fraud_provider is None:
        return None
    known = await deps.fraud.of(org_id, payment_id)
    if known is None:
        return None
    began = asyncio.get_running_loop().time()
    verdict = await _verdict(deps.fraud_provider, known)
    metrics.fraud_scored(verdict.provider, None if verdict.status is None else verdict.status.value, _since(began))
    return RecordScore(
        command_id=deps.new_id(deps.now()),
        caller=scorer_of(org_id),
        payment_id=payment_id,
        verdict=verdict,
        shadow=None if known.shadow is None else _in_shadow(known, known.shadow),
        event=event,
    )


async def step(deps: Deps) -> bool:
    """Scores what could not be scored before, and what no event tells of any more; whether more is waiting.

    When the provider still fails, nothing changes for the first, and the others are flagged for want of a score.
    """
    if deps.fraud_provider is None:
        return False
    async with deps.database.reading() as connection:
        failed = await fraud_cases.without_score(connection, limit=AGAIN_MAX)
        left_out = await fraud_cases.never_asked(
            connection, consumer=SCORER, before=deps.now() - LEFT_OUT_AFTER, limit=AGAIN_MAX
        )
    until_s = asyncio.get_running_loop().time() + STEP_S_MAX
    await _scored_now(deps, left_out, though_unknown=True, until_s=until_s)
    done = await _scored_now(deps, failed, though_unknown=False, until_s=until_s)
    return AGAIN_MAX in (done, len(left_out)) or asyncio.get_running_loop().time() >= until_s


async def _scored_now(deps: Deps, waiting: Sequence[tuple[str, UUID]], *, though_unknown: bool, until_s: float) -> int:
    """How many were handed in; ends in time, and where the provider is away, unless that too is news of these."""
    done = 0
    for org_id, payment_id in waiting:
        if asyncio.get_running_loop().time() >= until_s:
            break
        command = await scored(deps, org_id, payment_id, None)
        if command is None:
            continue
        if command.verdict.score is None and not though_unknown:
            break  # the next ones would find the same
        await deps.commands.submit(command)
        done += 1
    return done


async def _verdict(provider: FraudProvider, known: Known) -> Verdict:
    """What the provider says; that it says nothing is a verdict too, and a reason to look."""
    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(PROVIDER_S_MAX):
            found = await provider.score(known.row, known.facts, known.rule_set, known.standing.snoozed)
    except TimeoutError:
        why = f"{provider.name} took longer than {PROVIDER_S_MAX:g} s"
    except NoScore as error:
        why = str(error)
    except Exception as error:  # a provider's bug is no reason to let a payment pass, or to lose it
        observe.failed("a fraud provider broke", part=provider.name, **observe.facts_of(error))
        why = f"{provider.name} failed with {type(error).__name__}"
    else:
        return _of(found, known, provider.name, _since(began))
    observe.warning("a payment could not be scored", payment_id=known.row.payment_id, part=provider.name, fault=why)
    return unknown(
        known.found.payment.content_version,
        provider=provider.name,
        rule_set_version=known.rule_set.version,
        why=why,
        duration_us=_since(began),
    )


def _in_shadow(known: Known, rule_set: RuleSet) -> Verdict:
    began = asyncio.get_running_loop().time()
    return _of(assess(known.facts, rule_set, known.standing.snoozed), known, "embedded", _since(began))


def _of(said: Assessment, known: Known, provider: str, duration_us: int) -> Verdict:
    found = heeding(said, known.standing)
    return Verdict(
        content_version=known.found.payment.content_version,
        provider=provider,
        rule_set_version=found.rule_set_version,
        score=found.score,
        status=found.status,
        reasons=tuple(FraudReason(code=each.code, message=each.message) for each in found.findings[:REASONS_MAX]),
        findings=msgspec.json.encode(found.findings),
        facts=msgspec.json.encode(known.facts),
        duration_us=duration_us,
    )


def _since(began: float) -> int:
    """Microseconds."""
    return timedelta(seconds=asyncio.get_running_loop().time() - began) // timedelta(microseconds=1)
