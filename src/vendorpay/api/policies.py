"""The functions of the operations on approval policies and delegations."""

from __future__ import annotations

from uuid import UUID

from vendorpay.api import rendering
from vendorpay.api.answer import Answer
from vendorpay.api.bodies import NotesBody
from vendorpay.api.call import Call
from vendorpay.api.policy_bodies import DEFAULT, DelegationsQuery, PoliciesQuery, ProposalBody, SimulationBody
from vendorpay.domain.delegations import Delegation, NewDelegation
from vendorpay.domain.policies import PolicyVersion
from vendorpay.domain.policy_document import Policy
from vendorpay.usecases import delegations, list_policies, simulate_policy
from vendorpay.usecases.activate_policy import ActivatePolicy
from vendorpay.usecases.delegations import Delegate, EndDelegation
from vendorpay.usecases.propose_policy import ProposePolicy


async def propose(call: Call) -> Answer:
    body = call.body(ProposalBody)
    document = body.document or await _again(call, body.again or DEFAULT)
    command = ProposePolicy(
        command_id=call.new_id(), caller=call.caller, key=call.key, document=document, notes=body.notes
    )
    return rendering.answered(await call.deps.commands.submit(command), PolicyVersion, status=201)


async def _again(call: Call, earlier: str) -> Policy:
    """The document of an earlier version, or the default one. Raises NotFound."""
    if earlier == DEFAULT:
        return list_policies.default(call.caller.scope().org_id).document
    return (await list_policies.one(call.deps, call.caller, UUID(earlier))).document


async def activate(call: Call) -> Answer:
    command = ActivatePolicy(
        command_id=call.new_id(),
        caller=call.caller,
        key=call.key,
        policy_id=call.id,
        notes=call.body(NotesBody).notes,
    )
    return rendering.answered(await call.deps.commands.submit(command), PolicyVersion)


async def get(call: Call) -> Answer:
    return rendering.rendered(await list_policies.one(call.deps, call.caller, call.id))


async def page(call: Call) -> Answer:
    query = call.query(PoliciesQuery)
    found = await list_policies.page(call.deps, call.caller, limit=query.limit, cursor=query.cursor)
    return rendering.rendered(found)


async def simulate(call: Call) -> Answer:
    body = call.body(SimulationBody)
    return rendering.rendered(await simulate_policy.simulate(call.deps, call.caller, body.document, last=body.last))


async def delegate(call: Call) -> Answer:
    command = Delegate(command_id=call.new_id(), caller=call.caller, key=call.key, new=call.body(NewDelegation))
    return rendering.answered(await call.deps.commands.submit(command), Delegation, status=201)


async def delegated(call: Call) -> Answer:
    query = call.query(DelegationsQuery)
    found = await delegations.page(call.deps, call.caller, limit=query.limit, cursor=query.cursor)
    return rendering.rendered(found)


async def end_delegation(call: Call) -> Answer:
    command = EndDelegation(command_id=call.new_id(), caller=call.caller, key=call.key, delegation_id=call.id)
    return rendering.answered(await call.deps.commands.submit(command), Delegation)
