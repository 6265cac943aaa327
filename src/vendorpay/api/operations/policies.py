"""The operations on approval policies, and on who approves in whose name."""

from __future__ import annotations

from typing import Final

from vendorpay.api import bodies, policies
from vendorpay.api import policy_bodies as shapes
from vendorpay.api import policy_examples as example
from vendorpay.api.operation import Operation, RateClass, RequestBody
from vendorpay.domain import errors
from vendorpay.domain.delegations import Delegation, NewDelegation
from vendorpay.domain.policies import PolicyVersion
from vendorpay.domain.roles import Permission
from vendorpay.usecases.delegations import DelegationPage
from vendorpay.usecases.list_policies import PolicyPage
from vendorpay.usecases.simulate_policy import Simulation

_A_POLICY: Final = {"id": example.POLICY_ID}

POLICIES: Final[tuple[Operation, ...]] = (
    Operation(
        name="proposePolicy",
        method="POST",
        path="/policies",
        permission=Permission.POLICIES_ADMIN,
        function=policies.propose,
        summary="Propose an approval policy",
        description="It changes nothing until a second person activates it. Every fault of the document is named. With "
        "again, the document is that of an earlier version, or the default one.",
        tag="policies",
        rate_class=RateClass.WRITE,
        body=RequestBody(
            read=shapes.read_with_document(shapes.ProposalBody, shapes.check_proposal),
            shape=shapes.ProposalBody,
            examples={"three rules and a limit": example.PROPOSAL, "back to the default": example.PROPOSAL_AGAIN},
        ),
        answer=PolicyVersion,
        success=201,
        errors=(errors.NotFound, errors.PoliciesOff),
        answer_example=example.PROPOSED,
    ),
    Operation(
        name="listPolicies",
        method="GET",
        path="/policies",
        permission=Permission.POLICIES_READ,
        function=policies.page,
        summary="List the versions of the approval policy, newest first",
        description="And the one that applies: version 0 is the default, where none was ever activated.",
        tag="policies",
        rate_class=RateClass.READ,
        query=shapes.PoliciesQuery,
        query_examples={"limit": "20"},
        answer=PolicyPage,
        answer_example=example.PAGE,
    ),
    Operation(
        name="getPolicy",
        method="GET",
        path="/policies/{id}",
        permission=Permission.POLICIES_READ,
        function=policies.get,
        summary="Show a version of the approval policy",
        description="With its whole document.",
        tag="policies",
        rate_class=RateClass.READ,
        answer=PolicyVersion,
        errors=(errors.NotFound,),
        path_examples=_A_POLICY,
        answer_example=example.ACTIVE,
    ),
    Operation(
        name="activatePolicy",
        method="POST",
        path="/policies/{id}/activate",
        permission=Permission.POLICIES_ADMIN,
        function=policies.activate,
        summary="Activate a version of the approval policy",
        description="By somebody other than its proposer, once; what is older than the version that applies is "
        "proposed again. Payments have their rule from it that come later, or get new content; those that wait keep "
        "theirs.",
        tag="policies",
        rate_class=RateClass.SENSITIVE,
        body=RequestBody(
            read=bodies.struct_body(bodies.NotesBody),
            shape=bodies.NotesBody,
            examples={"with a word": example.AGREEMENT, "without": {}},
            when_empty=bodies.NotesBody(),
            required=False,
        ),
        answer=PolicyVersion,
        errors=(errors.NotFound, errors.FourEyes, errors.PoliciesOff, errors.PolicyLapsed),
        path_examples=_A_POLICY,
        answer_example=example.ACTIVE,
    ),
    Operation(
        name="simulatePolicy",
        method="POST",
        path="/policies/simulate",
        permission=Permission.POLICIES_READ,
        function=policies.simulate,
        summary="Try an approval policy on the last payments",
        description="What each of them would have needed, and which of them something else than under the policy that "
        "applies. Nothing is written.",
        tag="policies",
        rate_class=RateClass.WRITE,
        body=RequestBody(
            read=shapes.read_with_document(shapes.SimulationBody, shapes.check_document),
            shape=shapes.SimulationBody,
            examples={"the last five hundred": example.SIMULATION},
        ),
        answer=Simulation,
        answer_example=example.SIMULATED,
    ),
    Operation(
        name="createDelegation",
        method="POST",
        path="/delegations",
        permission=Permission.PAYMENT_APPROVE,
        function=policies.delegate,
        summary="Let somebody approve in your name for a period",
        description="With the role that you have now; at most 90 days. Their approvals name both of you.",
        tag="policies",
        rate_class=RateClass.SENSITIVE,
        body=RequestBody(
            read=bodies.struct_body(NewDelegation),
            shape=NewDelegation,
            examples={"a week away": example.NEW_DELEGATION},
        ),
        answer=Delegation,
        success=201,
        answer_example=example.DELEGATION,
    ),
    Operation(
        name="listDelegations",
        method="GET",
        path="/delegations",
        permission=Permission.PAYMENT_REVIEW,
        function=policies.delegated,
        summary="List delegations, newest first",
        description="Those that are over included.",
        tag="policies",
        rate_class=RateClass.READ,
        query=shapes.DelegationsQuery,
        query_examples={"limit": "20"},
        answer=DelegationPage,
        answer_example=example.DELEGATIONS,
    ),
    Operation(
        name="endDelegation",
        method="POST",
        path="/delegations/{id}/end",
        permission=Permission.PAYMENT_APPROVE,
        function=policies.end_delegation,
        summary="End a delegation before its time",
        description="By who gave it, or an admin. What was approved by it stays approved.",
        tag="policies",
        rate_class=RateClass.SENSITIVE,
        body=RequestBody(
            read=bodies.struct_body(bodies.NoBody),
            shape=bodies.NoBody,
            examples={"nothing to say": {}},
            when_empty=bodies.NoBody(),
            required=False,
        ),
        answer=Delegation,
        errors=(errors.NotFound,),
        path_examples={"id": example.DELEGATION_ID},
        answer_example=example.ENDED_DELEGATION,
    ),
)
