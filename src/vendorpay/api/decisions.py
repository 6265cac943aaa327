"""The functions of the operations that change a payment: one use case each."""

from __future__ import annotations

from vendorpay.api import rendering
from vendorpay.api.answer import Answer
from vendorpay.api.bodies import ApproveBody, NotesBody, ReasonBody
from vendorpay.api.call import Call
from vendorpay.domain.payment_patch import PaymentPatch
from vendorpay.usecases import once_scored, update_payment
from vendorpay.usecases.approve_payment import ApprovePayment
from vendorpay.usecases.cancel_payment import CancelPayment
from vendorpay.usecases.change_payment import ReasonedCommand
from vendorpay.usecases.hold_payment import HoldPayment
from vendorpay.usecases.reject_payment import RejectPayment
from vendorpay.usecases.release_payment import ReleasePayment
from vendorpay.usecases.undo_approval import UndoApproval


async def approve(call: Call) -> Answer:
    body = call.body(ApproveBody)
    command = ApprovePayment(
        command_id=call.new_id(),
        caller=call.caller,
        key=call.key,
        payment_id=call.id,
        versions=call.versions,
        notes=body.notes,
        expected_digest=body.expected_digest,
        on_behalf_of=body.on_behalf_of,
    )
    return rendering.committed(call, await once_scored.submit(call.deps.commands, command))


async def reject(call: Call) -> Answer:
    return await _for_a_reason(call, RejectPayment)


async def cancel(call: Call) -> Answer:
    return await _for_a_reason(call, CancelPayment)


async def hold(call: Call) -> Answer:
    return await _for_a_reason(call, HoldPayment)


async def release(call: Call) -> Answer:
    return await _with_notes(call, ReleasePayment)


async def undo_approval(call: Call) -> Answer:
    return await _with_notes(call, UndoApproval)


async def update(call: Call) -> Answer:
    done = await update_payment.submit(
        call.deps,
        call.caller,
        call.id,
        call.body(PaymentPatch),
        command_id=call.new_id(),
        key=call.key,
        versions=call.versions,
        conditional=call.conditional,
    )
    return rendering.committed(call, done)


async def _with_notes(call: Call, kind: type[ReleasePayment | UndoApproval]) -> Answer:
    command = kind(
        command_id=call.new_id(),
        caller=call.caller,
        key=call.key,
        payment_id=call.id,
        versions=call.versions,
        notes=call.body(NotesBody).notes,
    )
    return rendering.committed(call, await call.deps.commands.submit(command))


async def _for_a_reason(call: Call, kind: type[ReasonedCommand]) -> Answer:
    body = call.body(ReasonBody)
    command = kind(
        command_id=call.new_id(),
        caller=call.caller,
        key=call.key,
        payment_id=call.id,
        versions=call.versions,
        reason=body.reason,
        reason_code=body.reason_code,
        notes=body.notes,
    )
    return rendering.committed(call, await call.deps.commands.submit(command))
