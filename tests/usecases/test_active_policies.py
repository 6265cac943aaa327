"""What a process knows of approval policies, learnt by batches that look side by side."""

import msgspec

from tests.usecases.test_policies import a_policy
from vendorpay.domain.policy import DEFAULT_VERSION
from vendorpay.usecases import active_policies
from vendorpay.usecases.active_policies import UNKNOWN, ActivePolicies

ORG = "roadcall"
DOCUMENT = msgspec.json.encode(a_policy()).decode()


def test_who_looked_before_others_learnt_of_a_newer_one_looks_again() -> None:
    """Their answer has no document: it named the version that they had asked with."""
    known = ActivePolicies()
    assert known.learn(ORG, 5, DOCUMENT)
    assert known.learn(ORG, 6, DOCUMENT)
    assert known.learn(ORG, 5, None), "they must look again"
    assert known.version(ORG) == 6
    assert not known.learn(ORG, 6, None)


def test_who_looked_before_all_was_forgotten_looks_again() -> None:
    known = ActivePolicies()
    assert known.learn(ORG, 5, DOCUMENT)
    for number in range(active_policies.KEPT_MAX):
        known.learn(f"org {number}", DEFAULT_VERSION, None)
    assert known.version(ORG) == UNKNOWN
    assert known.learn(ORG, 5, None), "they must look again"
    assert known.version(ORG) == UNKNOWN
