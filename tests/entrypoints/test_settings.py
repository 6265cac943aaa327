"""Settings: read once, every fault told at once."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from vendorpay.domain.rate_limits import RateClass
from vendorpay.domain.token_bucket import Limit
from vendorpay.settings import NOT_SETTINGS, Settings, SettingsError

ISSUER = {
    "VENDORPAY_JWT_ISSUER": "https://issuer.example",
    "VENDORPAY_JWT_AUDIENCE": "vendorpay",
    "VENDORPAY_JWKS_URL": "https://issuer.example/keys",
}


def faults(environ: dict[str, str], **overrides: object) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        Settings.read(environ, overrides)
    return refused.value.faults


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = Settings.read({"PATH": "/bin"}, {})
    assert (settings.host, settings.port, settings.data_dir) == ("127.0.0.1", 8080, Path(".vendorpay"))
    assert settings.database_url is None
    assert settings.event_sources == {"roadcall.incident-service", "roadcall.incident"}
    assert settings.required_approvals is None
    assert settings.jwt_issuer is None


def test_every_fault_is_reported_together() -> None:
    found = faults(
        {
            "VENDORPAY_PORT": "eighty",
            "VENDORPAY_WORKERS": "0",
            "VENDORPAY_LOG_LEVEL": "loud",
            "VENDORPAY_DATABASE_URL": "mysql://root:hunter2@db",
            "VENDORPAY_EVENT_SOURCES": "a,,b",
            "VENDORPAY_JWT_ISSUER": "https://issuer.example",
            "VENDORPAY_HOTS": "0.0.0.0",
        }
    )
    told = "\n".join(found)
    assert len(found) == 7
    for name in ("PORT", "WORKERS", "LOG_LEVEL", "DATABASE_URL", "EVENT_SOURCES", "JWT_AUDIENCE", "HOTS"):
        assert f"VENDORPAY_{name}" in told
    assert "hunter2" not in told


def test_a_misspelt_setting_is_refused_with_the_name_that_was_meant() -> None:
    assert faults({"VENDORPAY_DATABSE_URL": "x"}) == (
        "VENDORPAY_DATABSE_URL is no setting; did you mean VENDORPAY_DATABASE_URL?",
    )
    assert "known are VENDORPAY_BACKGROUND, " in faults({"VENDORPAY_" + "Q" * 30: "x"})[0]


def test_an_option_goes_before_the_environment_and_names_itself_when_wrong() -> None:
    environ = {"VENDORPAY_PORT": "1", "VENDORPAY_HOST": "0.0.0.0"}
    settings = Settings.read(environ, {"port": "9000", "host": None})
    assert (settings.port, settings.host) == (9000, "0.0.0.0")
    assert faults({"VENDORPAY_PORT": "1"}, port="99999")[0].startswith("--port must be a whole number from 0 to 65535")


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.read({"VENDORPAY_PORT": "", "VENDORPAY_JWT_ISSUER": ""}).port == 8080


@pytest.mark.parametrize("missing", sorted(ISSUER))
def test_an_issuer_is_given_whole_or_not_at_all(missing: str) -> None:
    (fault,) = faults({name: value for name, value in ISSUER.items() if name != missing})
    assert fault.startswith(f"{missing} must be set too")
    assert Settings.read(ISSUER).jwks_url == ISSUER["VENDORPAY_JWKS_URL"]


@pytest.mark.parametrize("text", ["-1", "1.0", "1e3", " 80", "٨٠", "9" * 5000, "0x50"])
def test_a_whole_number_is_plain_digits(text: str) -> None:
    assert len(faults({"VENDORPAY_PORT": text})[0]) < 200


def test_the_variables_of_other_parts_are_let_through() -> None:
    others = {"VENDORPAY_TOKEN": "t", "VENDORPAY_URL": "http://x", "VENDORPAY_SOAK": "1", "OTHER": "x"}
    assert Settings.read(others) == Settings()


def test_the_database_url_is_not_in_what_is_printed() -> None:
    settings = Settings.read({"VENDORPAY_DATABASE_URL": "postgresql://u:hunter2@db/x"})
    assert "hunter2" not in repr(settings)


def test_every_variable_is_in_the_operators_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    variables = {f"VENDORPAY_{setting.name.upper()}" for setting in fields(Settings)} | NOT_SETTINGS
    assert [name for name in sorted(variables - {"VENDORPAY_SOAK"}) if f"`{name}`" not in page] == []


def test_checkpoints_go_to_one_place() -> None:
    (fault,) = faults({"VENDORPAY_CHECKPOINT_DIR": "x", "VENDORPAY_CHECKPOINT_COMMAND": "cat"})
    assert "exclude each other" in fault
    assert "hunter2" not in repr(Settings.read({"VENDORPAY_CHECKPOINT_COMMAND": "ship --password hunter2"}))


def test_rate_limits_are_off_until_they_are_set_and_the_page_shows_how() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    assert Settings.read({}).rate_limits is None
    (shown,) = re.findall(r"^VENDORPAY_RATE_LIMITS=(\S+)$", page, re.MULTILINE)
    read = Settings.read({"VENDORPAY_RATE_LIMITS": shown}).rate_limits
    assert read is not None
    assert read[RateClass.READ] == Limit.of(tokens=100, period_s=1, burst=200)
    (fault,) = faults({"VENDORPAY_RATE_LIMITS": "raed=5/s"})
    assert fault.startswith("VENDORPAY_RATE_LIMITS must be limits like ")
    assert fault.endswith("'raed=5/s' names none of read, write, sensitive, bulk.")
