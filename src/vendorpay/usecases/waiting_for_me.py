"""What waits for this caller: the payments that they could approve now and that come further by it, oldest first.

Each is judged by what an approval would be judged by (`domain.who_approves`). Of a long queue in which little is the
caller's, a page looks at SCANNED_MAX payments; it may then be short or empty, and its cursor goes on behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vendorpay.domain.errors import Forbidden
from vendorpay.domain.payment import Payment, PaymentState
from vendorpay.domain.roles import Caller, Permission
from vendorpay.domain.who_approves import names_to_act_in, waits_for
from vendorpay.store import delegations, read_payments
from vendorpay.usecases import cursor as cursors
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.list_payments import PaymentPage, page_of

_KIND: Final = "waiting_for_me"
SCANNED_MAX: Final = 1_000
"""Payments that one page looks at: some 20 ms."""
_AT_ONCE: Final = 200


async def page(deps: Deps, caller: Caller, *, limit: int, cursor: str | None = None) -> PaymentPage:
    """One page; empty for who approves nothing. Raises InvalidRequest for a foreign cursor."""
    after = cursors.after(_KIND, cursor)
    if not _approves(caller):
        return PaymentPage(payments=())
    assert caller.role is not None, "who may approve has a role"
    found: list[Payment] = []
    now = deps.now()
    async with deps.database.reading() as connection:
        given = await delegations.to_person(connection, caller.org_id, caller.sub)
        names = names_to_act_in(caller.sub, caller.role.value, given, now)
        for _ in range(SCANNED_MAX // _AT_ONCE):
            seen: Sequence[PaymentState] = await read_payments.queue(
                connection, caller.org_id, after=after, limit=_AT_ONCE
            )
            found += [one.payment for one in seen if waits_for(one, caller.sub, names, now)]
            if len(found) > limit or len(seen) < _AT_ONCE:
                break
            after = seen[-1].payment.payment_id
        else:
            return PaymentPage(payments=tuple(found), next_cursor=cursors.write(_KIND, after))
    return page_of(_KIND, found, limit)


def _approves(caller: Caller) -> bool:
    try:
        caller.require(Permission.PAYMENT_APPROVE)
    except Forbidden:
        return False
    return True
