"""Running a backtest on what the database has, and saying what came of it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from vendorpay.entrypoints.cli.failures import NO_ANSWER, CommandFailed
from vendorpay.entrypoints.cli.output import as_json, table
from vendorpay.settings import Settings

if TYPE_CHECKING:
    from vendorpay.domain.fraud.rule_set import RuleSet
    from vendorpay.usecases.backtest_fraud import StoredBacktest

CHANGED_SHOWN = 20


def run(settings: Settings, org_id: str, rule_set: RuleSet, *, start: datetime, end: datetime) -> StoredBacktest:
    """The backtest, as the role that may read and nothing else. Raises CommandFailed."""
    from vendorpay.entrypoints.database_home import DatabaseHome, for_command

    async def asked(home: DatabaseHome) -> StoredBacktest:
        from vendorpay.domain.errors import DatabaseUnavailable
        from vendorpay.store.db import Database
        from vendorpay.usecases.backtest_fraud import backtest

        async with Database.open(home.urls.readonly, pool_size=1) as database:
            try:
                return await backtest(database, org_id, rule_set, start=start, end=end)
            except DatabaseUnavailable as error:
                raise CommandFailed(NO_ANSWER) from error

    with for_command(settings) as home:
        return asyncio.run(asked(home))


def show(report: StoredBacktest, *, json: bool) -> None:
    """The figures; with `json` as the last line of stdout."""
    if json:
        as_json(msgspec.to_builtins(report))
        return
    print(
        f"scored {report.scored}, flagged {report.flagged} ({report.flagged_share:.2%}), "
        f"precision {report.precision}, recall {report.recall} "
        f"among {report.confirmed} confirmed and {report.cleared} cleared"
    )
    print(f"verdict changes: {report.changed_count}")
    rows = [
        (str(one.payment_id), one.was, one.now, f"{one.score:.2f}", ", ".join(one.reasons[:3]))
        for one in report.changed[:CHANGED_SHOWN]
    ]
    if rows:
        table(("payment", "was", "now", "score", "because"), rows, right=("score",))
