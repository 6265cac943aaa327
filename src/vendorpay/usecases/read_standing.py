"""How things stand, for the metrics: asked of the database at most once in five seconds, however often they are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import psycopg

from vendorpay import observe
from vendorpay.domain.errors import VendorPayError
from vendorpay.metrics import Family, Series, families
from vendorpay.store import standing
from vendorpay.store.standing import Standing
from vendorpay.usecases.deps import Deps

FRESH_S: Final = 5.0
PATIENCE_S: Final = 2.5
"""How long a scrape waits for the database. Those who scrape give up after ten seconds, and learn nothing then."""

Values = Mapping[Series, list[float]]
AWAY: Final[Values] = {(families.DATABASE_UP.name, ()): [0.0]}


class StandingReader:
    """One of each process. Never raises for a database that is away: that is news, and not a reason to say nothing."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._looking: asyncio.Task[Values] | None = None
        self._looked_at = float("-inf")

    async def values(self) -> Values:
        """The database's metrics, at most FRESH_S old; `database_up` alone when it does not answer in time."""
        now = asyncio.get_running_loop().time()
        if self._looking is None or (self._looking.done() and now - self._looked_at > FRESH_S):
            self._looking, self._looked_at = asyncio.create_task(self._look()), now
        done, _ = await asyncio.wait([self._looking], timeout=PATIENCE_S)
        return self._looking.result() if done else AWAY

    async def _look(self) -> Values:
        try:
            async with self._deps.database.reading() as connection:
                found = await standing.look(connection)
        except VendorPayError as error:
            observe.warning("the metrics do without the database", **observe.facts_of(error))
            return AWAY
        except psycopg.Error as error:  # a schema that is not the one expected: readiness says which
            observe.failed("the metrics cannot be read from the database", **observe.facts_of(error))
            return AWAY
        return told(found)


def told(found: Standing) -> Values:
    """What was found, as metrics."""
    values: dict[Series, list[float]] = {(families.DATABASE_UP.name, ()): [1.0]}

    def tell(family: Family, value: float, *labels: str) -> None:
        values[family.name, labels] = [value]

    for stream in found.streams:
        tell(families.SEQUENCER_POSITION, stream["position"], stream["stream"])
        tell(families.SEQUENCER_LAG, stream["lag_s"], stream["stream"])
    for kind in found.deliveries:
        tell(families.DELIVERIES_PENDING, kind["pending"], kind["kind"])
        tell(families.DELIVERIES_OLDEST, kind["oldest_s"], kind["kind"])
        tell(families.DELIVERIES_OVERDUE, kind["overdue_s"], kind["kind"])
        tell(families.DELIVERIES_DEAD, kind["dead"], kind["kind"])
    tell(families.APPROVALS_PENDING, found.approvals["pending"])
    tell(families.APPROVALS_OLDEST, found.approvals["oldest_s"])
    tell(families.QUARANTINE_OPEN, found.upkeep["quarantined"])
    tell(families.PARTITION_MONTHS, found.upkeep["months_left"])
    tell(families.KEYS_EXPIRED, found.upkeep["keys_expired"])
    tell(families.CHECKPOINT_UNCOVERED, found.upkeep["uncovered_s"])
    tell(families.UNSCORED, found.fraud["unscored"])
    tell(families.UNSCORED_OLDEST, found.fraud["unscored_s"])
    tell(families.FRAUD_CASES_OPEN, found.fraud["open_cases"])
    tell(families.FRAUD_CASES_OLDEST, found.fraud["open_case_s"])
    return values
