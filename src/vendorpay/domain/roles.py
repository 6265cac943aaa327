"""Who may do what: roles, permissions, and the part of the rows that a caller may see (contract section 2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec

from vendorpay.domain.errors import Forbidden, Unauthenticated


class Role(StrEnum):
    """What a person or program is to an organisation."""

    ADMIN = "admin"
    DISPATCHER = "dispatcher"
    AUDITOR = "auditor"
    SERVICE = "service"
    VENDOR = "vendor"
    DRIVER = "driver"


class Permission(StrEnum):
    """What an operation asks for. `:read` are the parts of a permission that only look."""

    PAYMENT_CREATE = "payment:create"
    PAYMENT_IMPORT = "payment:import"
    PAYMENT_READ = "payment:read"
    PAYMENT_UPDATE = "payment:update"
    PAYMENT_REVIEW = "payment:review"
    PAYMENT_APPROVE = "payment:approve"
    PAYMENT_CANCEL = "payment:cancel"
    AUDIT_READ = "audit:read"
    EVENTS_PUBLISH = "events:publish"
    EVENTS_READ = "events:read"
    EVENTS_ADMIN = "events:admin"
    EVENTS_ADMIN_READ = "events:admin:read"
    WEBHOOKS_ADMIN = "webhooks:admin"
    WEBHOOKS_ADMIN_READ = "webhooks:admin:read"
    POLICIES_ADMIN = "policies:admin"
    POLICIES_READ = "policies:admin:read"
    FRAUD_ADMIN = "fraud:admin"
    FRAUD_ADMIN_READ = "fraud:admin:read"


_P, _R = Permission, Role

GRANTS: Final[Mapping[Permission, frozenset[Role]]] = {
    _P.PAYMENT_CREATE: frozenset({_R.ADMIN, _R.DISPATCHER, _R.SERVICE}),
    _P.PAYMENT_IMPORT: frozenset({_R.ADMIN, _R.DISPATCHER, _R.SERVICE}),
    _P.PAYMENT_READ: frozenset(Role),  # vendors and drivers: their own rows, by `Scope`
    _P.PAYMENT_UPDATE: frozenset({_R.ADMIN, _R.DISPATCHER}),
    _P.PAYMENT_REVIEW: frozenset({_R.ADMIN, _R.DISPATCHER, _R.AUDITOR}),
    _P.PAYMENT_APPROVE: frozenset({_R.ADMIN, _R.DISPATCHER}),
    _P.PAYMENT_CANCEL: frozenset({_R.ADMIN}),
    _P.AUDIT_READ: frozenset({_R.ADMIN, _R.DISPATCHER, _R.AUDITOR}),
    _P.EVENTS_PUBLISH: frozenset({_R.ADMIN, _R.SERVICE}),
    _P.EVENTS_READ: frozenset({_R.ADMIN, _R.AUDITOR, _R.SERVICE}),
    _P.EVENTS_ADMIN: frozenset({_R.ADMIN}),
    _P.EVENTS_ADMIN_READ: frozenset({_R.ADMIN, _R.AUDITOR}),
    _P.WEBHOOKS_ADMIN: frozenset({_R.ADMIN}),
    _P.WEBHOOKS_ADMIN_READ: frozenset({_R.ADMIN, _R.AUDITOR}),
    _P.POLICIES_ADMIN: frozenset({_R.ADMIN}),
    _P.POLICIES_READ: frozenset({_R.ADMIN, _R.AUDITOR}),
    _P.FRAUD_ADMIN: frozenset({_R.ADMIN}),
    _P.FRAUD_ADMIN_READ: frozenset({_R.ADMIN, _R.AUDITOR}),
}
assert GRANTS.keys() == set(Permission)


class ActorType(StrEnum):
    """What the audit log calls an actor."""

    USER = "user"
    SYSTEM = "system"
    ADMIN = "admin"


_ACTOR_TYPES: Final = {Role.ADMIN: ActorType.ADMIN, Role.SERVICE: ActorType.SYSTEM}
_PAYEES: Final = frozenset({Role.VENDOR, Role.DRIVER})
_ORG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}\Z")
_SUB = re.compile(r"(?!system:)[^\x00-\x1f\x7f]{1,255}\Z")  # system:<name> is what the service calls itself

DEFAULT_ORG: Final = "default"
CALLERS_KEPT_MAX: Final = 4096

_ROLES: Final = {role.value: role for role in Role}
_NO_ORG: Final = "The token's custom:org_id is not the name of an organisation."
_NO_VENDOR: Final = "The token's custom:vendor_id is not a UUID."


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """The rows a caller may see: an organisation's, and of these only one vendor's or one payer's when given."""

    org_id: str
    vendor_id: UUID | None = None
    payer_id: UUID | None = None


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """A known caller: who (`sub`), as what, and for which organisation or vendor."""

    sub: str
    role: Role | None
    org_id: str
    vendor_id: UUID | None = None

    @property
    def actor_type(self) -> ActorType:
        """What the audit log says this caller is."""
        return ActorType.USER if self.role is None else _ACTOR_TYPES.get(self.role, ActorType.USER)

    @property
    def is_payee(self) -> bool:
        """Vendors and drivers see their own payments only, without the back office's side of them."""
        return self.role in _PAYEES

    def require(self, permission: Permission) -> None:
        """Passes when the caller's role has the permission; else raises Forbidden."""
        if self.role is None or self.role not in GRANTS[permission]:
            held = "no known role" if self.role is None else f"the role {self.role}"
            raise Forbidden(f"{permission} is needed, and you have {held}.")

    def scope(self) -> Scope:
        """The rows this caller may see. Raises Forbidden for a vendor or driver whose token does not say which."""
        if self.role is Role.VENDOR:
            if self.vendor_id is None:
                raise Forbidden("A vendor's token must name the vendor in custom:vendor_id.")
            return Scope(org_id=self.org_id, vendor_id=self.vendor_id)
        if self.role is Role.DRIVER:
            payer_id = _uuid(self.sub)
            if payer_id is None:
                raise Forbidden("A driver's token must have a UUID as its sub.")
            return Scope(org_id=self.org_id, payer_id=payer_id)
        return Scope(org_id=self.org_id)


def caller_of(claims: Mapping[str, Any]) -> Caller:
    """The caller that verified claims name: `custom:role`, else the first known name in `cognito:groups`.

    Raises Unauthenticated when the claims name nobody, Forbidden when they are not well formed.
    """
    sub = claims.get("sub")
    if not isinstance(sub, str):
        raise Unauthenticated("it has no usable sub")
    org_id = claims.get("custom:org_id", DEFAULT_ORG)
    if not isinstance(org_id, str):
        raise Forbidden(_NO_ORG)
    vendor = claims.get("custom:vendor_id")
    if vendor is not None and not isinstance(vendor, str):
        raise Forbidden(_NO_VENDOR)
    return _caller(sub, _role(claims), org_id, vendor)


@lru_cache(maxsize=CALLERS_KEPT_MAX)
def _caller(sub: str, role: Role | None, org_id: str, vendor: str | None) -> Caller:
    """Kept, for the same callers come again and again."""
    if not _SUB.match(sub):
        raise Unauthenticated("it has no usable sub")
    if not _ORG.match(org_id):
        raise Forbidden(_NO_ORG)
    vendor_id = _uuid(vendor)
    if vendor is not None and vendor_id is None:
        raise Forbidden(_NO_VENDOR)
    return Caller(sub=sub, role=role, org_id=org_id, vendor_id=vendor_id)


def _role(claims: Mapping[str, Any]) -> Role | None:
    groups = claims.get("cognito:groups")
    names = [claims["custom:role"]] if "custom:role" in claims else groups if isinstance(groups, list) else []
    return next((_ROLES[name] for name in names if isinstance(name, str) and name in _ROLES), None)


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None
