"""What a policy asks for one payment: the rule as it is stored with the payment, and as the back office sees it.

An approval is judged by this and by nothing else: not by the policy that is active by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from vendorpay.domain.money import AMOUNT_MAX
from vendorpay.domain.text import Line

ALTERNATIVES_MAX: Final = 4
STEPS_MAX: Final = 4
PEOPLE_MAX: Final = 20
"""People of one step, and people that one alternative asks for; a payment takes no more approvals either."""
ESCALATION_HOURS_MAX: Final = 24 * 90

AUTO_APPROVER: Final = "system:policy"
"""Who gives the approval of a rule that needs no person; no caller has such a name (domain.roles)."""


class Effect(StrEnum):
    """What a rule does with the payments it applies to."""

    APPROVALS = "approvals"
    AUTO_APPROVE = "auto_approve"
    HOLD = "hold"
    DENY = "deny"


class Source(StrEnum):
    """How a payment came: by a request for one, by one for many, or by a consumed event."""

    API = "api"
    BULK = "bulk"
    EVENT = "event"


class Step(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """`quorum` people of a role (an admin may do all that a dispatcher may), or of those named by their `sub`."""

    role: Literal["dispatcher", "admin"] | None = None
    people: Annotated[tuple[Line, ...], Meta(max_length=PEOPLE_MAX)] = ()
    quorum: Annotated[int, Meta(ge=1, le=PEOPLE_MAX)] = 1


CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]
"""An ISO 4217 code; whether it is a known one is checked with the whole policy."""

Alternative = Annotated[tuple[Step, ...], Meta(min_length=1, max_length=STEPS_MAX)]


class Escalation(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """After so many hours of waiting, people of `role` may stand in at every step."""

    after_hours: Annotated[int, Meta(ge=1, le=ESCALATION_HOURS_MAX)]
    role: Literal["dispatcher", "admin"] = "admin"


class LimitPer(StrEnum):
    """Whose approvals a limit adds up: those that one person gives, or those that one vendor's payments get."""

    APPROVER = "approver"
    VENDOR = "vendor"


class LimitPeriod(StrEnum):
    """Over which time: a day, or a week from Monday, both in UTC."""

    DAY = "day"
    WEEK = "week"


class CumulativeLimit(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """At most so much of a currency is approved in one period, by each approver or for each vendor."""

    per: LimitPer
    period: LimitPeriod
    currency: CurrencyCode
    max_amount_cents: Annotated[int, Meta(ge=1, le=AMOUNT_MAX)]


class Demand(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What one rule of a policy asks for: any of several lists of steps; none at all where it denies."""

    rule: str
    effect: Effect
    any_of: tuple[Alternative, ...] = ()
    escalation: Escalation | None = None


class ChosenRule(Demand, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The rule that applies to a payment. Of what the fraud score will say nobody knows when it is chosen: where the
    policy asks for it, `by_fraud_status` holds what applies then instead.
    """

    version: int
    source: Source
    vendor_is_new: bool | None = None
    """As it was when the payment was created, where the policy asked."""
    limits: tuple[CumulativeLimit, ...] = ()
    by_fraud_status: Mapping[str, Demand] = {}
    automatic: bool = False
    """Whether it, or what applies with some score, is approved by the service itself."""

    def demand(self, fraud_status: str | None) -> Demand:
        """What applies to a payment with that fraud status; None while it has no score."""
        return self.by_fraud_status.get(fraud_status or "", self)

    @property
    def escalates_after_h(self) -> int | None:
        """The fewest hours after which it escalates, whatever the score; None where it never does."""
        demands = (self, *self.by_fraud_status.values())
        return min((one.escalation.after_hours for one in demands if one.escalation), default=None)

    def escalates_later_h(self, fraud_status: str | None) -> int | None:
        """How many hours later than that with this fraud status; None where it never does."""
        first_h, own = self.escalates_after_h, self.demand(fraud_status).escalation
        return None if first_h is None or own is None else own.after_hours - first_h


class StepStanding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A step of a payment's rule, and how many of its people have approved."""

    role: str | None
    people: tuple[str, ...]
    quorum: int
    given: int


class AlternativeStanding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One list of steps, and how many approvals it still lacks."""

    steps: tuple[StepStanding, ...]
    open: int


class PolicyStanding(AlternativeStanding, frozen=True, kw_only=True, rename="camel"):
    """The rule that applies to a payment. `steps` and `open` are those of the first alternative, or of the one that
    was satisfied; `others` would do as well.
    """

    version: int
    rule: str
    effect: Effect
    others: tuple[AlternativeStanding, ...] = ()
