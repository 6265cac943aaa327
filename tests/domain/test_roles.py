"""Who may do what, cell by cell of the contract; and claims of any shape name a caller or are refused."""

import string
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vendorpay.domain.errors import Forbidden, Unauthenticated
from vendorpay.domain.roles import ActorType, Caller, Permission, Role, Scope, caller_of

# The table of section 2 of the contract.
CONTRACT = {
    "payment:create": "admin dispatcher service",
    "payment:import": "admin dispatcher service",
    "payment:read": "admin dispatcher auditor service vendor driver",
    "payment:update": "admin dispatcher",
    "payment:review": "admin dispatcher auditor",
    "payment:approve": "admin dispatcher",
    "payment:cancel": "admin",
    "audit:read": "admin dispatcher auditor",
    "events:publish": "admin service",
    "events:read": "admin auditor service",
    "events:admin": "admin",
    "events:admin:read": "admin auditor",
    "webhooks:admin": "admin",
    "webhooks:admin:read": "admin auditor",
    "policies:admin": "admin",
    "policies:admin:read": "admin auditor",
    "fraud:admin": "admin",
    "fraud:admin:read": "admin auditor",
}
SUB = "11111111-1111-4111-8111-111111111111"

anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.uuids().map(str),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
roles_or_anything = st.sampled_from([role.value for role in Role]) | anything
hostile_claims = st.fixed_dictionaries(
    {},
    optional={
        "sub": st.text(min_size=1, max_size=300) | anything,
        "custom:role": roles_or_anything,
        "cognito:groups": st.lists(roles_or_anything, max_size=5) | anything,
        "custom:org_id": st.text(string.printable, max_size=70) | anything,
        "custom:vendor_id": st.uuids().map(str) | anything,
    },
)


@pytest.mark.parametrize("permission", list(Permission))
@pytest.mark.parametrize("role", [*Role, None])
def test_faults_49_to_52_a_role_has_the_permissions_of_the_contract_and_no_others(
    role: Role | None, permission: Permission
) -> None:
    caller = Caller(sub=SUB, role=role, org_id="default")
    if role is not None and role.value in CONTRACT[permission.value].split():
        caller.require(permission)
        return
    with pytest.raises(Forbidden, match=permission.value):
        caller.require(permission)


def test_the_table_above_has_every_permission() -> None:
    assert set(CONTRACT) == {permission.value for permission in Permission}


@given(hostile_claims)
def test_claims_of_any_shape_name_a_caller_or_are_refused(claims: dict[str, Any]) -> None:
    try:
        caller = caller_of(claims)
        scope = caller.scope()
    except (Unauthenticated, Forbidden):
        return
    assert caller.sub == claims["sub"]
    assert caller.org_id == claims.get("custom:org_id", "default")
    assert scope.org_id == caller.org_id
    if caller.is_payee:
        assert (scope.vendor_id is None) != (scope.payer_id is None)


def test_the_role_claim_wins_over_groups_even_when_it_is_unknown() -> None:
    assert caller_of({"sub": SUB, "custom:role": "admin", "cognito:groups": ["driver"]}).role is Role.ADMIN
    assert caller_of({"sub": SUB, "custom:role": "root", "cognito:groups": ["admin"]}).role is None


def test_the_first_group_that_is_a_role_counts() -> None:
    assert caller_of({"sub": SUB, "cognito:groups": ["eu-west-1_x", "auditor", "admin"]}).role is Role.AUDITOR


def test_a_caller_without_an_organisation_is_of_the_default_one() -> None:
    assert caller_of({"sub": SUB}).org_id == "default"


@pytest.mark.parametrize("sub", [None, "", "a\nb", "x" * 256, 7, ["a"], "nul\x00"])
def test_a_sub_that_names_nobody_is_unauthenticated(sub: object) -> None:
    with pytest.raises(Unauthenticated):
        caller_of({"sub": sub})


@pytest.mark.parametrize("org", ["", "a b", "a\n", "../other", "x" * 65, 5, None, ["default"]])
def test_an_organisation_that_is_no_name_is_forbidden(org: object) -> None:
    with pytest.raises(Forbidden):
        caller_of({"sub": SUB, "custom:role": "admin", "custom:org_id": org})


def test_fault_50_vendors_and_drivers_see_their_own_rows_alone() -> None:
    vendor = uuid4()
    claims = {"sub": SUB, "custom:org_id": "acme"}
    assert caller_of({**claims, "custom:role": "vendor", "custom:vendor_id": str(vendor)}).scope() == Scope(
        org_id="acme", vendor_id=vendor
    )
    assert caller_of({**claims, "custom:role": "driver"}).scope() == Scope(org_id="acme", payer_id=UUID(SUB))
    assert caller_of({**claims, "custom:role": "dispatcher"}).scope() == Scope(org_id="acme")


@pytest.mark.parametrize("claims", [{"sub": SUB, "custom:role": "vendor"}, {"sub": "bob", "custom:role": "driver"}])
def test_a_payee_who_does_not_say_which_sees_nothing(claims: dict[str, str]) -> None:
    with pytest.raises(Forbidden):
        caller_of(claims).scope()


@pytest.mark.parametrize("role", [*Role, None])
def test_fault_72_the_audit_log_calls_people_users_and_admins_and_programs_system(role: Role | None) -> None:
    wanted = {Role.ADMIN: ActorType.ADMIN, Role.SERVICE: ActorType.SYSTEM}
    found = Caller(sub=SUB, role=role, org_id="default").actor_type
    assert found is (ActorType.USER if role is None else wanted.get(role, ActorType.USER))
