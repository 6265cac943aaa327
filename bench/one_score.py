"""How long one score takes, alone, with the whole history stored: its facts, its verdict, and its record."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from resource import RUSAGE_SELF, getrusage
from typing import Final
from uuid import UUID, uuid4

from bench.database import Loaded, say
from bench.process_tree import Tree
from bench.statements import ORG_READ
from vendorpay.adapters.embedded_fraud import EmbeddedFraud
from vendorpay.domain.new_payment import NewLine, NewPayment
from vendorpay.domain.payment import PayerType
from vendorpay.domain.roles import Caller, Role
from vendorpay.entrypoints.embedded_postgres import RunningPostgres
from vendorpay.entrypoints.ids import new_id, new_salt, system_now
from vendorpay.store.db import Database
from vendorpay.usecases import score_payment
from vendorpay.usecases.active_policies import ActivePolicies
from vendorpay.usecases.carry_out import WritePath
from vendorpay.usecases.create_payment import CreatePayment
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.group_commit import GroupCommit

SCORES: Final = 1_000
WARM: Final = 30
"""So many before: statements are planned, pages are in memory."""
SERVICES: Final = ("Towing", "Jump Start", "Tire Change", "Lockout", "Fuel", "Winch")
SEED: Final = 20_261


@dataclass(frozen=True, kw_only=True)
class OneScore:
    """From the question to the verdict, and to its commit; every second payment is of the vendor with most rows."""

    p50_ms: float
    p99_ms: float
    recorded_p50_ms: float
    recorded_p99_ms: float
    cpu_ms: float
    """Of the process that scores and of the database, for each score with its record."""


def measure(postgres: RunningPostgres, loaded: Loaded, *, scores: int = SCORES) -> OneScore:
    """One after the other, so that none shares anything with another. Raises RuntimeError when one is not to be had."""
    found = asyncio.run(_measure(postgres, loaded, scores))
    say(
        f"one score: p50 {found.p50_ms:.1f} ms, p99 {found.p99_ms:.1f} ms; with its record p50 "
        f"{found.recorded_p50_ms:.1f} ms, p99 {found.recorded_p99_ms:.1f} ms; {found.cpu_ms:.1f} ms of CPU"
    )
    return found


async def _measure(postgres: RunningPostgres, loaded: Loaded, scores: int) -> OneScore:
    chance, database = random.Random(SEED), Tree(postgres.pid)
    judged: list[float] = []
    recorded: list[float] = []
    async with _deps(loaded) as deps:
        waiting = [await _created(deps, loaded, chance, of_the_largest=n % 2 == 0) for n in range(WARM + scores)]
        for payment_id in waiting[:WARM]:
            await _score(deps, payment_id)
        before_s = _own_s() + database.cpu_s()
        for payment_id in waiting[WARM:]:
            judged_ms, recorded_ms = await _score(deps, payment_id)
            judged.append(judged_ms)
            recorded.append(recorded_ms)
        cpu_s = _own_s() + database.cpu_s() - before_s
    return OneScore(
        p50_ms=_at(judged, 0.5),
        p99_ms=_at(judged, 0.99),
        recorded_p50_ms=_at(recorded, 0.5),
        recorded_p99_ms=_at(recorded, 0.99),
        cpu_ms=cpu_s / scores * 1000,
    )


async def _score(deps: Deps, payment_id: UUID) -> tuple[float, float]:
    """After how many milliseconds there was a verdict, and its commit. Raises RuntimeError when there is none."""
    began = time.perf_counter()
    command = await score_payment.scored(deps, ORG_READ, payment_id, None)
    said = time.perf_counter()
    if command is None or command.verdict.score is None:
        raise RuntimeError(f"payment {payment_id} got no score: {command}")
    await deps.commands.submit(command)
    return (said - began) * 1000, (time.perf_counter() - began) * 1000


@asynccontextmanager
async def _deps(loaded: Loaded) -> AsyncIterator[Deps]:
    """The service's own write path and reads, without background work: nothing else scores."""
    async with Database.open(loaded.app_url) as database:
        path = WritePath(
            database=database,
            now=system_now,
            new_id=new_id,
            new_salt=new_salt,
            scoring=True,
            policies=ActivePolicies(),
        )
        async with aclosing(GroupCommit(path)) as commands:
            yield Deps(
                database=database,
                commands=commands,
                now=system_now,
                new_id=new_id,
                event_sources=frozenset(),
                fraud_provider=EmbeddedFraud(),
            )


async def _created(deps: Deps, loaded: Loaded, chance: random.Random, *, of_the_largest: bool) -> UUID:
    """A payment that waits for its score."""
    vendor = 0 if of_the_largest else chance.randrange(loaded.vendors)
    service, base, miles = chance.choice(SERVICES), chance.randrange(5_000, 40_000), chance.randrange(1, 40)
    new = NewPayment(
        incident_id=uuid4(),
        vendor_id=UUID(f"00000000-0000-4000-8000-{vendor:012x}"),
        payer_type=PayerType.BACK_OFFICE,
        amount_cents=base + 250 * miles,
        line_items=(
            NewLine(description=f"{service} - Base Service", quantity=1, unit_price_cents=base),
            NewLine(description="Mileage Charge", quantity=miles, unit_price_cents=250),
        ),
        metadata={"serviceType": service, "duration": chance.randrange(20, 110), "notes": "would not start"},
    )
    caller = Caller(sub=f"dispatcher-{chance.randrange(50)}", role=Role.DISPATCHER, org_id=ORG_READ)
    command = CreatePayment(command_id=new_id(system_now()), caller=caller, new=new)
    done = await deps.commands.submit(command)
    assert done.payment_id is not None
    return done.payment_id


def _own_s() -> float:
    used = getrusage(RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _at(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]
