"""Good requests whose bytes were spoilt, thousands of them, side by side on one service in this process."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import sys
import time
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID, uuid5

import pytest

from tests import tally
from tests.api.asking import Answered, Caller, exchange
from tests.api.in_process import service_on
from tests.database import DatabaseUrls
from tests.fuzz import documented
from tests.fuzz.conversation import Known, Sent, good_request, requests
from tests.fuzz.mutations import mutated
from tests.scenarios.books import UNEQUAL, assert_whole, rows
from tests.usecases.world import rounds
from vendorpay.adapters.local_issuer import LocalIssuer
from vendorpay.api.operations import OPERATIONS

AT_ONCE = 16
ANSWER_S_MAX = 10.0
"""Generous, for all that were sent at once: a body that takes longer would keep every other caller waiting."""
GROWTH_BYTES_MAX = 96 * 1024 * 1024
"""What a process may grow by while it answers all of them: pools and caches fill up, and then it stays as it is."""
ROLES = (*("admin",) * 12, *("dispatcher",) * 4, "service", "auditor", "vendor", "driver")
PEOPLE = UUID("0190a1b2-0000-7000-8000-000000000000")


def seed() -> str:
    """Printed with what fails; VENDORPAY_SEED brings the same requests again."""
    return os.environ.get("VENDORPAY_SEED") or str(random.SystemRandom().getrandbits(32))


@dataclass
class Run:
    """One fuzzed conversation with a service."""

    caller: Caller
    seed: str
    known: Known = field(default_factory=Known)
    tokens: dict[str, bytes] = field(default_factory=dict)
    created: int = 0
    accepted: int = 0

    def token(self, role: str) -> bytes:
        if role not in self.tokens:
            vendor = str(PEOPLE) if role == "vendor" else None
            self.tokens[role] = self.caller.token(role, sub=str(uuid5(PEOPLE, role)), vendor=vendor).encode()
        return self.tokens[role]

    async def ask(self, number: int, *, spoilt: bool = True) -> None:
        """The request of this number, its answer held against the document. Raises AssertionError with both."""
        chance = random.Random(f"{self.seed} {number}")
        good = next(requests(self.known, chance)) if spoilt else good_request(OPERATIONS[0], self.known, chance)
        role = chance.choice(ROLES) if spoilt else "admin"
        good = good.with_header(b"authorization", b"Bearer " + self.token(role))
        sent = mutated(good, chance) if spoilt else good
        began = time.perf_counter()
        answer = await asyncio.wait_for(self._exchange(sent, chance), ANSWER_S_MAX)
        took = time.perf_counter() - began
        tally.count("fuzzed requests", status=answer.status, slowest_s=took)
        faults = [*documented.faults(sent.method, sent.path, answer)]
        if dict(sent.headers).get(b"authorization") == dict(good.headers)[b"authorization"]:
            faults += documented.faults_of_role(role, sent.method, sent.path, answer)
        said = f"VENDORPAY_SEED={self.seed}, request {number} by {role}: {sent!r:.3000} was answered {answer!r:.2000}"
        assert faults == [], said
        self._learn(sent, answer)

    async def _exchange(self, sent: Sent, chance: random.Random) -> Answered:
        pieces = [sent.body]
        if chance.random() < 0.2:
            at = chance.randrange(len(sent.body) + 1)
            pieces = [sent.body[:at], b"", sent.body[at:]]
        return await exchange(self.caller.app, sent.method.decode(), sent.path, sent.query, sent.headers, pieces)

    def _learn(self, sent: Sent, answer: Answered) -> None:
        found = documented.operation_at(sent.method, sent.path)
        if answer.status >= 300 or isinstance(found, int) or "idempotent-replayed" in answer.headers:
            return
        if found.name == "createPayment":
            self.created += 1
        elif found.name == "createPayments":
            self.created += sum(each["status"] == 201 and not each.get("replayed") for each in answer.json["results"])
        elif found.name in ("publishEvents", "replayQuarantinedEvent"):
            results = answer.json["results"] if found.name == "publishEvents" else [answer.json]
            self.accepted += len({each["paymentId"] for each in results if each["result"] == "accepted"})
        self.known.learn(sent.path, answer.body)


@pytest.mark.anyio
async def test_spoilt_requests_break_nothing(issuer: LocalIssuer, database_urls: DatabaseUrls) -> None:
    """No 5xx, no answer that the document does not have, nothing half written, in bounded time and memory.

    Origin 70: wrong input was a 500.
    """
    async with service_on(issuer, database_urls.app) as caller:
        run = Run(caller, seed())
        await run.ask(0, spoilt=False)
        numbers = iter(range(1, rounds(200, 80_000)))
        grown = 0
        settled = 0
        while batch := list(islice(numbers, AT_ONCE)):
            await asyncio.gather(*(run.ask(number) for number in batch))
            if batch[0] <= rounds(100, 10_000):
                settled = memory_bytes()
            grown = memory_bytes() - settled
        assert grown < GROWTH_BYTES_MAX
        tally.count("fuzzed requests", 0, grown_mib=grown / 1024**2)
    found = rows(database_urls.superuser, "SELECT count(*) AS n FROM payments")
    assert (found[0]["n"], run.seed) == (run.created + run.accepted, run.seed)
    await asyncio.to_thread(assert_whole, database_urls.superuser, but=[UNEQUAL])


def memory_bytes() -> int:
    """What this process holds in memory; where no file tells, the most it ever held, which grows no less."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
