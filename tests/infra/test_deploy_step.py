"""What runs the migrations for CloudFormation, against servers that speak as Lambda and CloudFormation do."""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any

import pytest

from tests.style.rules.source import ROOT
from vendorpay.store.migrate import MigrationError, _compare, shipped

FUNCTION = "vendorpay-dev-migrations"


@dataclass
class Aws:
    """Lambda's Invoke and the place where CloudFormation waits for answers, on one port."""

    url: str = ""
    status: int = 200
    answer: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    invoked: list[tuple[str, Any]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Context:
    """The part of Lambda's context that is used."""

    log_stream_name: str = "2026/11/23/[1]abc"
    left_ms: int = 900_000

    def get_remaining_time_in_millis(self) -> int:
        """As told."""
        return self.left_ms


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Both, and an environment in which boto3 finds them."""
    found = Aws()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.invoked.append((self.path, json.loads(self._body())))
            self.send_response(found.status)
            if found.error is not None:
                self.send_header("X-Amz-Function-Error" if found.status == 200 else "X-Amzn-ErrorType", found.error)
            self._say(json.dumps(found.answer).encode())

        def do_PUT(self) -> None:
            assert self.headers["Content-Type"] == ""  # it is part of what CloudFormation has signed
            found.told.append(json.loads(self._body()))
            self.send_response(200)
            self._say(b"")

        def log_message(self, *_: object) -> None:
            return

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers["Content-Length"]))

        def _say(self, body: bytes) -> None:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    for name, value in {
        "AWS_ENDPOINT_URL_LAMBDA": found.url,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "MIGRATIONS_FUNCTION": FUNCTION,
    }.items():
        monkeypatch.setenv(name, value)
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def step() -> ModuleType:
    """The file, as Lambda imports it: alone."""
    spec = importlib.util.spec_from_file_location("deploy_step", ROOT / "infra/deploy_step/deploy_step.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def request(aws: Aws, kind: str, phase: str = "pre") -> dict[str, Any]:
    """What CloudFormation sends."""
    return {
        "RequestType": kind,
        "ResponseURL": f"{aws.url}/answer?signature=x",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "PreMigrations",
        "ResourceProperties": {"ServiceToken": "arn", "phase": phase, "shipped": "digest"},
    }


@pytest.mark.parametrize("phase", ["pre", "post"])
@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_a_phase_is_run_and_cloudformation_is_told(aws: Aws, step: ModuleType, kind: str, phase: str) -> None:
    aws.answer = {"phase": phase, "ran": ["0001_pre_x"]}
    step.handler(request(aws, kind, phase), Context())
    assert aws.invoked == [(f"/2015-03-31/functions/{FUNCTION}/invocations", {"phase": phase})]
    (told,) = aws.told
    assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", f"migrations-{phase}")
    assert "0001_pre_x" in told["Reason"]
    assert {told["StackId"], told["RequestId"], told["LogicalResourceId"]} == {"stack", "request", "PreMigrations"}


def test_migrations_that_fail_stop_the_deploy_and_say_why(aws: Aws, step: ModuleType) -> None:
    aws.error, aws.answer = "Unhandled", {"errorType": "MigrationError", "errorMessage": "A table was in use."}
    step.handler(request(aws, "Update"), Context())
    (told,) = aws.told
    assert told["Status"] == "FAILED"
    assert "A table was in use." in told["Reason"]
    assert "[1]abc" in told["Reason"]


def test_a_second_deploy_at_once_is_told_so(aws: Aws, step: ModuleType) -> None:
    """Of the migrations only one may run; Lambda's own words were that a rate was exceeded."""
    aws.status, aws.error = 429, "TooManyRequestsException"
    aws.answer = {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate .."}
    step.handler(request(aws, "Update"), Context())
    assert len(aws.invoked) == 1
    assert aws.told[0]["Status"] == "FAILED"
    assert aws.told[0]["Reason"].startswith("Another deploy of this stage is running its migrations at this moment.")
    aws.answer = {"Reason": "ConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."}
    step.handler(request(aws, "Update"), Context())
    assert "Rate Exceeded." in aws.told[1]["Reason"], "the account has no room: that is something else"


def test_a_deploy_that_is_rolled_back_leaves_the_newer_schema(aws: Aws, step: ModuleType) -> None:
    """Else the rollback fails, too, and neither code is there. The words are the migrations' own."""
    with pytest.raises(MigrationError) as refused:
        _compare(shipped(), {"9999_pre_of_tomorrow": "digest"})
    aws.error, aws.answer = "Unhandled", {"errorType": "MigrationError", "errorMessage": str(refused.value)}
    step.handler(request(aws, "Update"), Context())
    assert aws.told[0]["Status"] == "SUCCESS"
    step.handler(request(aws, "Create"), Context())  # here it is a mistake: an older version is new to the database
    assert aws.told[1]["Status"] == "FAILED"


def test_deleting_the_stack_undoes_nothing(aws: Aws, step: ModuleType) -> None:
    step.handler(request(aws, "Delete"), Context())
    assert aws.invoked == []
    assert aws.told[0]["Status"] == "SUCCESS"


def test_a_lambda_that_cannot_be_reached_is_a_failure_and_not_an_hour_of_silence(
    aws: Aws, step: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:1")
    step.handler(request(aws, "Create"), Context())
    assert aws.told[0]["Status"] == "FAILED"
    assert "127.0.0.1:1" in aws.told[0]["Reason"]


def test_a_request_that_says_no_phase_is_answered_all_the_same(aws: Aws, step: ModuleType) -> None:
    asked = request(aws, "Create")
    asked["ResourceProperties"] = {}
    step.handler(asked, Context())
    assert aws.told[0]["Status"] == "FAILED"
