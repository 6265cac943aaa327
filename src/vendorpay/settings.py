"""What an operator can choose: one frozen class, read once, every fault reported together."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from vendorpay.domain import setting_values as values
from vendorpay.domain.fraud_thresholds import Cuts
from vendorpay.domain.fraud_thresholds import parsed as _fraud_thresholds
from vendorpay.domain.rate_limits import RateClass
from vendorpay.domain.rate_limits import parsed as _rate_limits
from vendorpay.domain.token_bucket import Limit

PREFIX: Final = "VENDORPAY_"
# Read elsewhere: by the commands that act over HTTP, and by the test suite.
NOT_SETTINGS: Final = frozenset({f"{PREFIX}{name}" for name in ("URL", "TOKEN", "SOAK")})

DATA_DIR: Final = Path(".vendorpay")
HOST: Final = "127.0.0.1"
PORT: Final = 8080
POOL_SIZE: Final = 10
WORKERS_MAX: Final = 64
POOL_SIZE_MAX: Final = 500


class SettingsError(Exception):
    """The settings cannot be used; `faults` has one sentence for each thing that is wrong."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


def _text(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be printable text")
    return text


def _jwks_url(text: str) -> str:
    parts = urlsplit(_text(text))
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("must be a URL like https://issuer.example/.well-known/jwks.json")
    return text


def _on_off(text: str) -> bool:
    return values.one_of("on", "off")(text) == "on"


# Makes a dataclasses.field, which is what ruff looks for under its own name alone (RUF009).
def _setting(parse: Callable[[str], Any], default: Any, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"parse": parse})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Each field is VENDORPAY_<ITS NAME>, and --<its-name> where a command has that option."""

    database_url: str | None = _setting(values.database_url, None, secret=True)
    data_dir: Path = _setting(Path, DATA_DIR)  # noqa: RUF009
    postgres_bin_dir: Path | None = _setting(Path, None)  # noqa: RUF009
    host: str = _setting(_text, HOST)
    port: int = _setting(values.whole(0, 65535), PORT)  # 0: any free one
    workers: int = _setting(values.whole(1, WORKERS_MAX), 1)
    pool_size: int = _setting(values.whole(1, POOL_SIZE_MAX), POOL_SIZE)
    jwt_issuer: str | None = _setting(_text, None)
    jwt_audience: str | None = _setting(_text, None)
    jwks_url: str | None = _setting(_jwks_url, None)
    event_sources: frozenset[str] = _setting(values.names(values.EVENT_SOURCES_MAX), values.EVENT_SOURCES)
    required_approvals: int | None = _setting(values.whole(1, values.APPROVALS_MAX), None)
    fraud_provider: str = _setting(values.one_of(*values.FRAUD_PROVIDERS), values.FRAUD_PROVIDERS[0])
    fraud_detector: str | None = _setting(values.detector, None)
    fraud_thresholds: Cuts | None = _setting(_fraud_thresholds, None)  # noqa: RUF009
    background: bool = _setting(_on_off, True)
    webhooks_to_private: bool = _setting(_on_off, False)
    checkpoint_dir: Path | None = _setting(Path, None)  # noqa: RUF009
    checkpoint_command: str | None = _setting(_text, None, secret=True)
    checkpoint_every_s: int = _setting(values.whole(1, values.CHECKPOINT_EVERY_S_MAX), values.CHECKPOINT_EVERY_S)
    rate_limits: Mapping[RateClass, Limit] | None = _setting(_rate_limits, None)
    metrics: bool = _setting(_on_off, True)
    worker_metrics_port: int | None = _setting(values.whole(0, 65535), None)
    log_level: str = _setting(values.one_of(*values.LOG_LEVELS), "info")
    log_format: str = _setting(values.one_of("json", "text"), "json")

    @classmethod
    def read(cls, environ: Mapping[str, str], overrides: Mapping[str, object] | None = None) -> Self:
        """The settings of an environment, with a command's options (those not None) before it.

        An empty variable counts as not set. Raises SettingsError that names every fault.
        """
        found: dict[str, Any] = {}
        faults = _unknown(environ)
        chosen = {name: str(value) for name, value in (overrides or {}).items() if value is not None}
        for setting in fields(cls):
            variable = f"{PREFIX}{setting.name.upper()}"
            if setting.name in chosen:
                text, called = chosen[setting.name], f"--{setting.name.replace('_', '-')}"
            else:
                text, called = environ.get(variable, ""), variable
            if not text:
                continue
            try:
                found[setting.name] = setting.metadata["parse"](text)
            except ValueError as error:
                faults.append(f"{called} {error}.")
        faults += _half_a_detector(environ) + _half_an_issuer(environ) + _two_places_for_checkpoints(environ)
        if faults:
            raise SettingsError(faults)
        return cls(**found)


def _unknown(environ: Mapping[str, str]) -> list[str]:
    known = {f"{PREFIX}{setting.name.upper()}" for setting in fields(Settings)}
    faults = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known | NOT_SETTINGS:
            near = difflib.get_close_matches(name, sorted(known | NOT_SETTINGS), n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}."
            faults.append(f"{name} is no setting; {hint}")
    return faults


def _half_a_detector(environ: Mapping[str, str]) -> list[str]:
    provider, detector = f"{PREFIX}FRAUD_PROVIDER", f"{PREFIX}FRAUD_DETECTOR"
    if environ.get(provider, "").lower() != "frauddetector" or environ.get(detector):
        return []
    return [f"{detector} must be set too, because {provider} is frauddetector."]


def _half_an_issuer(environ: Mapping[str, str]) -> list[str]:
    names = [f"{PREFIX}{name}" for name in ("JWT_ISSUER", "JWT_AUDIENCE", "JWKS_URL")]
    missing = [name for name in names if not environ.get(name)]
    if not missing or len(missing) == len(names):
        return []
    given = [name for name in names if name not in missing]
    return [
        f"{' and '.join(missing)} must be set too, because {' and '.join(given)} is. Set all three for an issuer of "
        "your own, or none for the local one."
    ]


def _two_places_for_checkpoints(environ: Mapping[str, str]) -> list[str]:
    if not (environ.get(f"{PREFIX}CHECKPOINT_DIR") and environ.get(f"{PREFIX}CHECKPOINT_COMMAND")):
        return []
    return [f"{PREFIX}CHECKPOINT_DIR and {PREFIX}CHECKPOINT_COMMAND exclude each other: set one of them."]
