"""The functions of the operations in bulk: each item answered with the status and body it would get alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from vendorpay.api import problems, rendering
from vendorpay.api.answer import Answer
from vendorpay.api.bulk_bodies import ApproveManyBody, new_payment_in
from vendorpay.api.call import Call
from vendorpay.domain.fault_budget import FaultBudget
from vendorpay.usecases import approve_payments, create_payments
from vendorpay.usecases.command import Done
from vendorpay.usecases.in_bulk import ItemResult, all_replayed
from vendorpay.usecases.pace import Pace

LOGGED_MAX: Final = 20
"""How many items of one request are logged when they fail on our side: one cause may fail all of them."""


class _Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answers.BulkResult whose parts are JSON already: the payment in the very bytes that were stored."""

    index: int
    status: int
    replayed: bool = False
    payment: Raw | UnsetType = UNSET
    problem: Raw | UnsetType = UNSET


async def create(call: Call) -> Answer:
    budget = FaultBudget()
    wanted = (new_payment_in(raw, budget) for raw in call.body(list))
    results = await create_payments.create(call.deps, call.caller, wanted, call.key)
    return await _answer(call, results, success=201)


async def approve(call: Call) -> Answer:
    body = call.body(ApproveManyBody)
    results = await approve_payments.approve(call.deps, call.caller, body.payment_ids, body.notes, call.key)
    return await _answer(call, results, success=200)


async def _answer(call: Call, results: Sequence[ItemResult], *, success: int) -> Answer:
    items: list[_Item] = []
    logged = 0
    pace = Pace()
    for index, one in enumerate(results):
        if isinstance(one, Done):
            item = _Item(index=index, status=success, replayed=one.replayed, payment=Raw(one.answer))
        else:
            problem = problems.answer_to(one, call.request_id, log=logged < LOGGED_MAX)
            logged += problem.status >= 500
            item = _Item(index=index, status=problem.status, problem=Raw(problem.body))
        items.append(item)
        await pace.step()
    return rendering.rendered({"results": items}, replayed=all_replayed(results))
