"""Whether one bill was cut into several, each just under an amount from which more people have to say yes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec

from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.spread import share_between
from vendorpay.domain.fraud.view import View

LIMITS_CENTS: Final = (100_000, 1_000_000)
"""From which amounts on the default approval policy asks for more people (1,000.00 and 10,000.00)."""
JUST_BELOW: Final = 0.85
"""What counts as just under a limit, as a share of it."""
AROUND: Final = timedelta(hours=72)
PEERS_AS_ROWS: Final = 10
"""What is usual with others says less and less of a vendor the more is known of itself."""


class SplitFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All None or 0 when the amount is not just under a limit; counts of the vendor's rows in this currency."""

    limit_cents: int | None
    near: int
    """How many others of the vendor's lie just under the same limit in the last 72 hours."""
    near_total_cents: int
    """What these and the payment add up to."""
    recent: int
    """How many others there are of the vendor's in the last 72 hours."""
    usual: float | None
    """Which share of the vendor's older rows, or of those of the same service if that is larger, lies just under it;
    the fewer there are, the more the service type's rows count."""


def split_facts(view: View) -> SplitFacts:
    """The facts about splitting."""
    amount = view.row.amount_cents
    limit = next((limit for limit in LIMITS_CENTS if limit * JUST_BELOW <= amount < limit), None)
    if limit is None:
        return SplitFacts(limit_cents=None, near=0, near_total_cents=0, recent=0, usual=None)
    least = int(limit * JUST_BELOW)
    recent = view.since(view.same_currency, AROUND)
    older = view.same_currency[len(recent) :]
    near = [each.amount_cents for each in recent if least <= each.amount_cents < limit and each.live]
    of_peers = share_between(view.windows.peers.amounts_cents, least, limit - 1)
    same_service = [each for each in older if each.service_type == view.row.service_type]
    return SplitFacts(
        limit_cents=limit,
        near=len(near),
        near_total_cents=sum(near) + amount,
        recent=len(recent),
        usual=round(max(_share(rows, least, limit, of_peers) for rows in (older, same_service)), 6),
    )


def _share(rows: Sequence[FraudRow], least: int, limit: int, of_peers: float) -> float:
    """Which share of the rows lies just under the limit, the peers' share counting as PEERS_AS_ROWS of them."""
    near = sum(1 for each in rows if least <= each.amount_cents < limit)
    return (near + PEERS_AS_ROWS * of_peers) / (len(rows) + PEERS_AS_ROWS)
