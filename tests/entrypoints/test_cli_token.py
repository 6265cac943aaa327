"""`vendorpay token`."""

from __future__ import annotations

import json
import time
from pathlib import Path

import jwt
import pytest

from tests.entrypoints.command_line import CommandLine
from vendorpay.adapters.local_issuer import AUDIENCE, ISSUER, LocalIssuer


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(capfd, monkeypatch)


def claims(token: str) -> dict[str, object]:
    return jwt.decode(token, options={"verify_signature": False})


def test_a_token_stands_alone_on_stdout_and_is_the_local_issuers(run: CommandLine, tmp_path: Path) -> None:
    made = run("token", "--role", "dispatcher", "--data-dir", tmp_path)
    assert (made.code, made.err) == (0, "")
    assert made.out.count("\n") == 1
    key = jwt.PyJWK(LocalIssuer.open(tmp_path).jwks()["keys"][0])
    verified = jwt.decode(made.out.strip(), key, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER)
    assert verified["custom:role"] == "dispatcher"
    assert "custom:org_id" not in verified


def test_everything_that_can_be_said_about_a_caller_is_in_it(run: CommandLine, tmp_path: Path) -> None:
    sub, vendor = "0190a1b2-0000-4000-8000-000000000001", "0190a1b2-0000-4000-8000-000000000002"
    made = run(
        "token", "--role", "vendor", "--sub", sub, "--org", "acme", "--vendor", vendor, "--data-dir", tmp_path, "--json"
    )
    answer = json.loads(made.out)
    found = claims(answer["token"])
    assert (found["sub"], found["custom:org_id"], found["custom:vendor_id"]) == (sub, "acme", vendor)
    assert answer["sub"] == sub


def test_two_tokens_are_of_two_people_unless_one_is_named(run: CommandLine, tmp_path: Path) -> None:
    made = [claims(run("token", "--role", "admin", "--data-dir", tmp_path).out.strip())["sub"] for _ in range(2)]
    assert made[0] != made[1]


@pytest.mark.parametrize(
    ("ttl", "seconds"), [("30s", 30), ("15m", 900), ("1h", 3600), ("7d", 604800), ("-1h", -3600), ("-30s", -30)]
)
def test_a_lifetime_may_be_negative_for_an_expired_token(
    run: CommandLine, tmp_path: Path, ttl: str, seconds: int
) -> None:
    found = claims(run("token", "--role", "admin", "--ttl", ttl, "--data-dir", tmp_path).out.strip())
    assert int(str(found["exp"])) - int(str(found["iat"])) == seconds
    assert abs(int(str(found["iat"])) - time.time()) < 30


@pytest.mark.parametrize("ttl", ["1", "h", "1.5h", "--1h", "1w", "9999d", "", " 1h", "1h\n"])
def test_a_lifetime_that_is_none_is_refused(run: CommandLine, tmp_path: Path, ttl: str) -> None:
    made = run("token", "--role", "admin", "--ttl", ttl, "--data-dir", tmp_path)
    assert (made.code, made.out) == (2, "")


def test_every_fault_is_named_at_once(run: CommandLine, tmp_path: Path) -> None:
    made = run("token", "--role", "boss", "--vendor", "x", "--org", "a b", "--ttl", "1", "--data-dir", tmp_path / "d")
    assert made.code == 2
    assert [name for name in ("--role", "--vendor", "--org", "--ttl") if name not in made.err] == []
    assert not (tmp_path / "d").exists()


def test_a_forgotten_role_a_wrong_lifetime_and_a_wrong_setting_are_named_together(run: CommandLine) -> None:
    run.environment.setenv("VENDORPAY_PROT", "80")
    made = run("token", "--ttl", "soon")
    assert made.code == 2
    assert [name for name in ("--role", "--ttl", "VENDORPAY_PROT") if name not in made.err] == []


def test_a_damaged_key_is_explained(run: CommandLine, tmp_path: Path) -> None:
    LocalIssuer.open(tmp_path)
    (tmp_path / "issuer" / "key.pem").write_text("nonsense")
    made = run("token", "--role", "admin", "--data-dir", tmp_path)
    assert made.code == 1
    assert "is damaged. Restore it from a backup" in made.err
