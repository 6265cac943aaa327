"""A rule set: the versioned document that says what each signal counts and by which figures it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from vendorpay.domain import parsing
from vendorpay.domain.errors import FieldFault, InvalidRequest
from vendorpay.domain.fraud.finding import FraudStatus
from vendorpay.domain.fraud.priors import DEFAULT_PRIORS, Prior
from vendorpay.domain.fraud.signal import Parameters, Signal
from vendorpay.domain.fraud.words import plain
from vendorpay.domain.fraud_signals import SIGNALS
from vendorpay.domain.fraud_thresholds import Cuts

RULE_SET_BYTES_MAX: Final = 256 * 1024
PRIORS_MAX: Final = 500
DEFAULT_VERSION: Final = "1"

Share = Annotated[float, Meta(ge=0, le=1)]
Figure = Annotated[float, Meta(ge=0, le=10**13)]
Version = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+\Z")]


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """From which score on a payment is of medium risk, of high risk, and flagged."""

    medium: Share = 0.3
    high: Share = 0.5
    flagged: Share = 0.7


class SignalRule(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What one signal counts; parameters that are not named keep the signal's own figures."""

    weight: Share | None = None
    parameters: dict[str, Figure] = {}


class RuleSet(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One version of the rules. `read` makes it from JSON, `written` the JSON of it."""

    version: Version
    thresholds: Thresholds = Thresholds()
    priors: Annotated[tuple[Prior, ...], Meta(max_length=PRIORS_MAX)] = DEFAULT_PRIORS
    signals: dict[str, SignalRule] = {}

    def status(self, score: float) -> FraudStatus:
        """The score in words."""
        if score >= self.thresholds.flagged:
            return FraudStatus.FLAGGED
        if score >= self.thresholds.high:
            return FraudStatus.HIGH_RISK
        return FraudStatus.MEDIUM_RISK if score >= self.thresholds.medium else FraudStatus.LOW_RISK

    def weight(self, signal: Signal) -> float:
        """What the signal counts here at full strength."""
        rule = self.signals.get(signal.code)
        return signal.weight if rule is None or rule.weight is None else rule.weight

    def parameters(self, signal: Signal) -> Parameters:
        """The figures the signal goes by here."""
        if not self.signals:
            return signal.parameters
        rule = self.signals.get(signal.code)
        return {**signal.parameters, **rule.parameters} if rule is not None and rule.parameters else signal.parameters

    def prior(self, service_type: str | None, currency: str) -> Prior | None:
        """What is expected of a service type before there is a history; None where nothing is known of the currency."""
        of_currency = [prior for prior in self.priors if prior.currency == currency]
        named = [prior for prior in of_currency if prior.service_type and plain(prior.service_type) == service_type]
        return next(iter(named), next((prior for prior in of_currency if not prior.service_type), None))


DEFAULT: Final = RuleSet(version=DEFAULT_VERSION)


def default_with(cuts: Cuts | None) -> RuleSet:
    """The service's own, with the thresholds of the setting; what it decided says by which (`1-0.2-0.4-0.6`)."""
    if cuts is None or cuts == msgspec.structs.astuple(DEFAULT.thresholds):
        return DEFAULT
    medium, high, flagged = cuts
    version = "-".join((DEFAULT_VERSION, *(f"{cut:g}" for cut in cuts)))
    thresholds = Thresholds(medium=medium, high=high, flagged=flagged)
    return msgspec.structs.replace(DEFAULT, version=version, thresholds=thresholds)


def read(raw: bytes) -> RuleSet:
    """The rule set of a JSON document.

    Raises MalformedJson for what is not JSON, InvalidRequest with every fault of what is not a rule set.
    """
    if len(raw) > RULE_SET_BYTES_MAX:
        raise InvalidRequest([FieldFault("$", f"is larger than {RULE_SET_BYTES_MAX} bytes")])
    found, faults = parsing.parse(raw, RuleSet, _rules)
    if found is None:
        raise InvalidRequest(faults)
    return found


def written(rule_set: RuleSet) -> bytes:
    """The document in full: with every signal's weight and figures, also those it leaves as they are.

    A zero has no sign: PostgreSQL keeps none, and the digest of what was written would not be that of what is kept.
    """
    signals = {
        signal.code: SignalRule(
            weight=rule_set.weight(signal) + 0.0,
            parameters={name: figure + 0.0 for name, figure in rule_set.parameters(signal).items()},
        )
        for signal in SIGNALS
    }
    return msgspec.json.encode(msgspec.structs.replace(rule_set, signals=signals))


def _rules(fields: Mapping[str, Any]) -> list[FieldFault]:
    return [
        *_threshold_faults(fields.get("thresholds")),
        *_prior_faults(fields.get("priors", ())),
        *(fault for code, rule in fields.get("signals", {}).items() for fault in _signal_faults(code, rule)),
    ]


def _threshold_faults(thresholds: Thresholds | None) -> list[FieldFault]:
    if thresholds is None or 0 < thresholds.medium < thresholds.high < thresholds.flagged:
        return []
    return [FieldFault("thresholds", "must rise: 0 < medium < high < flagged")]


def _prior_faults(priors: tuple[Prior, ...]) -> list[FieldFault]:
    seen: set[tuple[str, str]] = set()
    faults = []
    for number, prior in enumerate(priors):
        key = (plain(prior.service_type), prior.currency)
        if key in seen:
            faults.append(FieldFault(f"priors[{number}]", "repeats the service type and currency of an earlier one"))
        if prior.high_cents <= prior.median_cents:
            faults.append(FieldFault(f"priors[{number}].highCents", "must be above medianCents"))
        seen.add(key)
    return faults


def _signal_faults(code: str, rule: SignalRule) -> list[FieldFault]:
    signal = next((signal for signal in SIGNALS if signal.code == code), None)
    path = f"signals.{code[: parsing.KEY_SHOWN_MAX]}"
    if signal is None:
        return [FieldFault(path, f"is no signal; there are: {', '.join(each.code for each in SIGNALS)}")]
    known = ", ".join(signal.parameters) or "none"
    return [
        FieldFault(
            f"{path}.parameters.{name[: parsing.KEY_SHOWN_MAX]}", f"is not a figure it goes by; these are: {known}"
        )
        for name in rule.parameters
        if name not in signal.parameters
    ]
