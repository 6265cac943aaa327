"""The functions of the operations on fraud cases."""

from __future__ import annotations

from vendorpay.api import rendering
from vendorpay.api.answer import Answer
from vendorpay.api.answers import Pagination, PendingList
from vendorpay.api.call import Call
from vendorpay.api.fraud_bodies import AssignCaseBody, CaseNotesBody, CasesQuery, DecideCaseBody
from vendorpay.api.queries import PageQuery
from vendorpay.usecases import fraud_cases
from vendorpay.usecases.decide_fraud_case import CaseOfPayment


async def flagged(call: Call) -> Answer:
    query = call.query(PageQuery)
    found = await fraud_cases.flagged(call.deps, call.caller, limit=query.limit, cursor=query.cursor)
    page = Pagination(limit=query.limit, offset=0, count=len(found.payments), next_cursor=found.next_cursor)
    return rendering.rendered(PendingList(payments=found.payments, pagination=page))


async def cases(call: Call) -> Answer:
    query = call.query(CasesQuery)
    found = await fraud_cases.page(
        call.deps,
        call.caller,
        status=query.status,
        assignee=query.assignee,
        limit=query.limit,
        cursor=query.cursor,
    )
    return rendering.rendered(found)


async def get(call: Call) -> Answer:
    return rendering.rendered(await fraud_cases.get(call.deps, call.caller, call.id))


async def decide(call: Call) -> Answer:
    body = call.body(DecideCaseBody)
    done = await fraud_cases.decide(
        call.deps,
        call.caller,
        call.id,
        call.key,
        decision=body.decision,
        reason_code=body.reason_code,
        notes=body.notes,
        block_vendor=body.block_vendor,
    )
    return rendering.answered(done, CaseOfPayment)


async def assign(call: Call) -> Answer:
    body = call.body(AssignCaseBody)
    done = await fraud_cases.assign(call.deps, call.caller, call.id, call.key, assignee=body.assignee)
    return rendering.answered(done, CaseOfPayment)


async def note(call: Call) -> Answer:
    body = call.body(CaseNotesBody)
    done = await fraud_cases.note(call.deps, call.caller, call.id, call.key, notes=body.notes)
    return rendering.answered(done, CaseOfPayment)
