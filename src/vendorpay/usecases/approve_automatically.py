"""Approve what a rule lets pass without a person: by the service itself, once score and holds allow it.

The approval is one like any other: by `system:policy`, on record, judged by the rule on the payment's row.
"""

from __future__ import annotations

from typing import Final

from vendorpay.domain.approval_rule import AUTO_APPROVER
from vendorpay.domain.errors import DatabaseUnavailable, Overloaded, VendorPayError
from vendorpay.domain.roles import Caller, Role
from vendorpay.store import policies, read_payments
from vendorpay.usecases.approve_payment import ApprovePayment
from vendorpay.usecases.deps import Deps

AT_ONCE: Final = 200
"""How many payments are approved together."""
ROUNDS_MAX: Final = 50


async def step(deps: Deps) -> bool:
    """Approves what is ready by now; whether more may be. Any number of processes may do this at once.

    What somebody undid is left to people. What is refused (a person was faster, and it is another version) is passed
    over, and looked at again next time. Raises DatabaseUnavailable or Overloaded.
    """
    after = read_payments.FIRST
    for _ in range(ROUNDS_MAX):
        async with deps.database.reading() as connection:
            ready = await policies.automatic(connection, now=deps.now(), after=after, limit=AT_ONCE)
        if not ready:
            return False
        commands = [
            ApprovePayment(
                command_id=deps.new_id(deps.now()),
                caller=Caller(sub=AUTO_APPROVER, role=Role.SERVICE, org_id=found.org_id),
                payment_id=found.payment_id,
                versions=frozenset({found.version}),
            )
            for found in ready
        ]
        for ended in await deps.commands.submit_each(commands):
            _raise_what_is_nobodys_decision(ended)
        if len(ready) < AT_ONCE:
            return False
        after = ready[-1].payment_id
    return True


def _raise_what_is_nobodys_decision(ended: object) -> None:
    """A refusal is the rules' own: it stands until something about the payment, or the day, is another."""
    refused = isinstance(ended, VendorPayError) and not isinstance(ended, DatabaseUnavailable | Overloaded)
    if isinstance(ended, Exception) and not refused:
        raise ended
