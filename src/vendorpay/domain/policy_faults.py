"""What is wrong with a policy that its types cannot tell: every fault, at the place where it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from vendorpay.domain.approval_rule import AUTO_APPROVER, PEOPLE_MAX, CumulativeLimit, Effect, Step
from vendorpay.domain.currencies import EXPONENTS
from vendorpay.domain.errors import FieldFault
from vendorpay.domain.policy_document import PolicyRule, When

Part = TypeVar("Part", PolicyRule, CumulativeLimit)


def faults_of(rules: Sequence[PolicyRule | None], limits: Sequence[CumulativeLimit | None]) -> list[FieldFault]:
    """All of them, in the order of the document; None stands for what its types refuse already."""
    faults: list[FieldFault] = []
    names: set[str] = set()
    for number, rule in enumerate(rules):
        at = f"rules[{number}]"
        if rule is None:
            continue
        if rule.name in names:
            faults.append(FieldFault(f"{at}.name", "is the name of another rule too"))
        names.add(rule.name)
        is_last = number == len(rules) - 1
        if _is_empty(rule.when) and not is_last:
            faults.append(FieldFault(f"{at}.when", "has no conditions, so that no rule below it is ever reached"))
        if not _is_empty(rule.when) and is_last:
            faults.append(FieldFault(f"{at}.when", "must be left out in the last rule, so that every payment has one"))
        faults += _of_conditions(rule.when, f"{at}.when")
        faults += _of_effect(rule, at)
    return [*faults, *_of_limits(limits)]


def of_sound_parts(document: Any) -> list[FieldFault]:
    """The same of those rules and limits whose types are right, in a document of which not all are."""
    if not isinstance(document, dict):
        return []
    return faults_of(_parts(document.get("rules"), PolicyRule), _parts(document.get("limits"), CumulativeLimit))


def _parts(found: Any, shape: type[Part]) -> list[Part | None]:
    return [_sound(part, shape) for part in found] if isinstance(found, list) else []


def _sound(part: Any, shape: type[Part]) -> Part | None:
    try:
        return msgspec.convert(part, shape)
    except msgspec.ValidationError:
        return None


def _is_empty(when: When) -> bool:
    return all(getattr(when, name) is None for name in when.__struct_fields__)


def _of_conditions(when: When, at: str) -> Iterator[FieldFault]:
    least, most = when.min_amount_cents, when.max_amount_cents
    if (least is not None or most is not None) and when.currencies is None:
        yield FieldFault(f"{at}.currencies", "is required beside an amount: 100 cents are not 100 yen")
    if least is not None and most is not None and least > most:
        yield FieldFault(f"{at}.minAmountCents", f"is more than maxAmountCents, {most}")
    yield from _of_currencies(when.currencies or (), f"{at}.currencies")


def _of_currencies(codes: Sequence[str], at: str) -> Iterator[FieldFault]:
    for number, code in enumerate(codes):
        if code not in EXPONENTS:
            yield FieldFault(f"{at}[{number}]", "is not a currency of ISO 4217")


def _of_effect(rule: PolicyRule, at: str) -> Iterator[FieldFault]:
    asks = rule.effect in (Effect.APPROVALS, Effect.HOLD)
    if asks and not rule.any_of:
        yield FieldFault(f"{at}.anyOf", f"is required where effect is {rule.effect}")
    if not asks and rule.any_of:
        yield FieldFault(f"{at}.anyOf", f"must be left out where effect is {rule.effect}")
    if not asks and rule.escalation is not None:
        yield FieldFault(f"{at}.escalation", f"must be left out where effect is {rule.effect}")
    if rule.effect is Effect.HOLD and rule.when.fraud_statuses is not None:
        words = "must be left out where effect is hold: a payment is held before it has a score"
        yield FieldFault(f"{at}.when.fraudStatuses", words)
    for number, steps in enumerate(rule.any_of):
        yield from _of_steps(steps, f"{at}.anyOf[{number}]")


def _of_steps(steps: Sequence[Step], at: str) -> Iterator[FieldFault]:
    for number, step in enumerate(steps):
        here = f"{at}[{number}]"
        if (step.role is None) == (not step.people):
            yield FieldFault(here, "must have either a role or people")
        if step.people and step.quorum > len(set(step.people)):
            yield FieldFault(f"{here}.quorum", f"is more than the {len(set(step.people))} people that are named")
        if len(set(step.people)) < len(step.people):
            yield FieldFault(f"{here}.people", "names somebody twice")
        if any(person.startswith("system:") for person in step.people):
            yield FieldFault(f"{here}.people", f"must be people; for {AUTO_APPROVER} there is the effect auto_approve")
    if (seats := sum(step.quorum for step in steps)) > PEOPLE_MAX:
        yield FieldFault(at, f"asks for {seats} people, and a payment has at most {PEOPLE_MAX} approvals")


def _of_limits(limits: Sequence[CumulativeLimit | None]) -> Iterator[FieldFault]:
    seen: set[tuple[Any, ...]] = set()
    for number, limit in enumerate(limits):
        if limit is None:
            continue
        key = (limit.per, limit.period, limit.currency)
        if key in seen:
            yield FieldFault(f"limits[{number}]", "has the same per, period and currency as a limit before it")
        seen.add(key)
        if limit.currency not in EXPONENTS:
            yield FieldFault(f"limits[{number}].currency", "is not a currency of ISO 4217")
