"""What infra/ tells a function is what the function reads: the same names, nothing missing, nothing unread."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.infra.templates import Templates, plain
from vendorpay.entrypoints.aws.functions import FUNCTIONS, Function
from vendorpay.entrypoints.aws.settings import AwsSettings, needed, variables

OF_LAMBDA = {"AWS_REGION": "eu-west-1"}
"""What Lambda itself sets."""
BUNDLE = {"VENDORPAY_RDS_CA_BUNDLE": __file__}
"""On Lambda it lies where the settings look by themselves (test_package.py)."""
AS_DEPLOYED = {
    "ProxyEndpoint": "vendorpay-dev-proxy.proxy-abc.eu-west-1.rds.amazonaws.com",
    "EndpointAddress": "vendorpay-dev-cluster.cluster-abc.eu-west-1.rds.amazonaws.com",
    "Secret": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:vendorpay-dev-app-AbCdEf",
    "PeopleConsole": "4f1g6h7j8k9l",
    "RefPeople": "eu-west-1_Ab12Cd34E",
    "RefBus": "vendorpay-dev-bus",
    "RefCheckpoints": "vendorpay-dev-checkpoints-123456789012-eu-west-1",
    "RefNotices": "arn:aws:sns:eu-west-1:123456789012:vendorpay-dev-notices",
}
"""What the references of a template become, by the parts of what they refer to; the first that fits."""


def environment(own: Templates, stage: str, row: Function) -> dict[str, str]:
    """What a function is told, as it will be once it is deployed."""
    told = own.one("AWS::Lambda::Function", FunctionName=f"vendorpay-{stage}-{row.name}").properties["Environment"]
    return {name: _deployed(value) for name, value in told["Variables"].items()}


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
def test_a_function_starts_with_what_it_is_told(own: Templates, stage: str, row: Function) -> None:
    """origin 21: the template set one name, the code read another, and the secret was never found."""
    told = environment(own, stage, row)
    settings = AwsSettings.read({**OF_LAMBDA, **BUNDLE, **told})
    assert settings.function is row
    assert settings.stage == stage


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
def test_a_function_is_told_nothing_that_it_does_not_read(own: Templates, stage: str, row: Function) -> None:
    told = environment(own, stage, row)
    assert told.keys() <= variables()
    assert needed(row) - OF_LAMBDA.keys() <= told.keys()
    of_others = {name for other in FUNCTIONS for name in needed(other)} - needed(row)
    assert not told.keys() & of_others


def _deployed(value: Any) -> str:
    if isinstance(value, str):
        return value
    text = re.sub("[0-9A-F]{8}", "", plain(value))  # the CDK's hashes
    return next(real for part, real in AS_DEPLOYED.items() if part in text)
