"""The operations on approval policies and delegations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vendorpay.client.answers import Pages
from vendorpay.client.asking import Asking
from vendorpay.client.policy_values import Delegation, DelegationPage, PolicyPage, PolicyVersion, Simulation
from vendorpay.client.request import Id, given, path


class PolicyOperations(Asking):
    """Say who must approve what, and who acts for whom."""

    def propose_policy(
        self,
        *,
        document: Mapping[str, Any] | None = None,
        again: Id | None = None,
        notes: str | None = None,
        key: str | None = None,
    ) -> PolicyVersion:
        """Proposes a policy, or one `again`: an earlier version's id, or "default". Nothing changes until somebody else
        activates it."""
        return self._post(PolicyVersion, "/policies", given(document=document, again=again, notes=notes), key)

    def list_policies(self, *, limit: int | None = None, cursor: str | None = None) -> Pages[PolicyPage, PolicyVersion]:
        """Versions, newest first; each page says which one applies."""
        return Pages(lambda after: self._get(PolicyPage, "/policies", limit=limit, cursor=after), cursor)

    def get_policy(self, policy_id: Id) -> PolicyVersion:
        """One version."""
        return self._get(PolicyVersion, path("policies", policy_id))

    def activate_policy(self, policy_id: Id, *, notes: str | None = None, key: str | None = None) -> PolicyVersion:
        """Lets a version apply from now on; Problem 403 for whoever proposed it, 409 where a newer one applied."""
        return self._post(PolicyVersion, path("policies", policy_id, "activate"), given(notes=notes), key)

    def simulate_policy(
        self, *, document: Mapping[str, Any], last: int | None = None, key: str | None = None
    ) -> Simulation:
        """What the last payments would have needed under a policy."""
        return self._post(Simulation, "/policies/simulate", given(document=document, last=last), key)

    def create_delegation(
        self, *, delegate_id: str, ends_at: str, starts_at: str | None = None, key: str | None = None
    ) -> Delegation:
        """Lets somebody approve in one's own name for a period."""
        body = given(delegate_id=delegate_id, ends_at=ends_at, starts_at=starts_at)
        return self._post(Delegation, "/delegations", body, key)

    def list_delegations(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> Pages[DelegationPage, Delegation]:
        """Delegations, newest first."""
        return Pages(lambda after: self._get(DelegationPage, "/delegations", limit=limit, cursor=after), cursor)

    def end_delegation(self, delegation_id: Id, *, key: str | None = None) -> Delegation:
        """Ends one before its time."""
        return self._post(Delegation, path("delegations", delegation_id, "end"), given(), key)
