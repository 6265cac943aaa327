"""The functions of the operations on payments: one use case each."""

from __future__ import annotations

from vendorpay.api import rendering
from vendorpay.api.answer import Answer
from vendorpay.api.answers import AuditLog, Pagination, PaymentList, PendingList
from vendorpay.api.call import Call
from vendorpay.api.queries import PageQuery, PaymentsQuery, PendingQuery, VendorPaymentsQuery
from vendorpay.domain.new_payment import NewPayment
from vendorpay.usecases import list_payments, read_audit_log, read_payment, waiting_for_me
from vendorpay.usecases.create_payment import CreatePayment
from vendorpay.usecases.list_payments import PaymentFilter


async def create(call: Call) -> Answer:
    command = CreatePayment(
        command_id=call.new_id(),
        caller=call.caller,
        key=call.key,
        new=call.body(NewPayment),
        required_approvals=call.deps.required_approvals,
    )
    return rendering.committed(call, await call.deps.commands.submit(command), status=201)


async def get(call: Call) -> Answer:
    return rendering.payment(call, await read_payment.get(call.deps, call.caller, call.id))


async def newest_for_incident(call: Call) -> Answer:
    return rendering.payment(call, await read_payment.newest_for_incident(call.deps, call.caller, call.id))


async def page(call: Call) -> Answer:
    query = call.query(PaymentsQuery)
    where = PaymentFilter(
        incident_id=query.incident_id,
        vendor_id=query.vendor_id,
        status=query.status,
        payer_type=query.payer_type,
        reference=query.reference,
        created_from=query.created_from,
        created_to=query.created_to,
        min_amount_cents=query.min_amount_cents,
        max_amount_cents=query.max_amount_cents,
    )
    return await _page(call, where, query)


async def page_of_vendor(call: Call) -> Answer:
    query = call.query(VendorPaymentsQuery)
    return await _page(call, PaymentFilter(vendor_id=call.id, status=query.status), query)


async def _page(call: Call, where: PaymentFilter, query: PageQuery) -> Answer:
    found = await list_payments.page(call.deps, call.caller, where, limit=query.limit, cursor=query.cursor)
    payments = rendering.seen_by(call.caller, found.payments)
    return rendering.rendered(PaymentList(payments=payments, next_cursor=found.next_cursor))


async def pending(call: Call) -> Answer:
    query = call.query(PendingQuery)
    if query.waiting_for == "me":
        found = await waiting_for_me.page(call.deps, call.caller, limit=query.limit, cursor=query.cursor)
    else:
        found = await list_payments.pending(
            call.deps, call.caller, limit=query.limit, cursor=query.cursor, offset=query.offset
        )
    payments = rendering.seen_by(call.caller, found.payments)
    pagination = Pagination(limit=query.limit, offset=query.offset, count=len(payments), next_cursor=found.next_cursor)
    return rendering.rendered(PendingList(payments=payments, pagination=pagination))


async def audit_log(call: Call) -> Answer:
    entries = await read_audit_log.entries(call.deps, call.caller, call.id)
    return rendering.rendered(AuditLog(entries=tuple(entries)))
