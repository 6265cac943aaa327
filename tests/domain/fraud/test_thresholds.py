"""The thresholds of the service's own rule set are a setting, of which every fault is named."""

from __future__ import annotations

import pytest

from vendorpay.domain.fraud.finding import FraudStatus
from vendorpay.domain.fraud.rule_set import DEFAULT, default_with
from vendorpay.domain.fraud_thresholds import parsed
from vendorpay.settings import Settings, SettingsError


def test_what_is_set_decides_and_is_told_in_the_version() -> None:
    strict = default_with(parsed("0.2, 0.4, 0.65"))
    assert strict.version == "1-0.2-0.4-0.65"
    assert [strict.status(score) for score in (0.1, 0.2, 0.4, 0.65)] == list(FraudStatus)
    assert strict.signals == DEFAULT.signals
    for unset in (None, parsed("0.3,0.5,0.70")):
        assert default_with(unset) is DEFAULT


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("0.3,0.5", ["three shares"]),
        ("0.3,0.5,0.7,0.9", ["three shares"]),
        ("a,0.5,1.5", ["medium is 'a'", "flagged is '1.5'"]),
        ("0,0.5,0.700", ["medium is '0'", "flagged is '0.700'"]),
        ("-0.3,nan,1e-1", ["medium is '-0.3'", "high is 'nan'", "flagged is '1e-1'"]),
        ("0.5,0.5,0.7", ["medium < high < flagged"]),
        ("0.7,0.5,0.3", ["medium < high < flagged"]),
        ("\u0663,0.5,0.7", ["medium is"]),
    ],
)
def test_every_fault_is_named(text: str, faults: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({"VENDORPAY_FRAUD_THRESHOLDS": text})
    (said,) = caught.value.faults
    assert said.startswith("VENDORPAY_FRAUD_THRESHOLDS must ")
    assert all(fault in said for fault in faults), said
