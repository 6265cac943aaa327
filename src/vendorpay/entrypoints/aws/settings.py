"""What a Lambda function is told: one frozen class, read once at start, every fault reported together (origin 21).

Who writes the variables (infra/) and who reads them (the functions) go by this one class: its fields name them all,
and `needed` says which of them a function cannot do without. What AWS itself sets (its region, its credentials) keeps
AWS's names; what the service was first described with keeps the names of that description.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

from vendorpay.domain import setting_values as values
from vendorpay.domain.fraud_thresholds import Cuts
from vendorpay.domain.fraud_thresholds import parsed as _fraud_thresholds
from vendorpay.domain.rate_limits import RateClass
from vendorpay.domain.rate_limits import parsed as _rate_limits
from vendorpay.domain.token_bucket import Limit
from vendorpay.entrypoints.aws import setting_values as aws_values
from vendorpay.entrypoints.aws.functions import API_HANDLER, DatabaseRole, Function, Right, function

VARIABLE: Final = "variable"
OURS: Final = ("VENDORPAY_", "AURORA_", "COGNITO_")
"""A variable that begins so is one of these settings, or is misspelt."""

CA_BUNDLE: Final = Path("/opt/vendorpay/rds-global-bundle.pem")
"""Where the packaging puts Amazon's certificate authorities for RDS, of which Lambda's Python has none (origin 20), and
those of Amazon Trust Services, which sign for RDS Proxy. Of RDS a region's own do as well, and are read faster.
"""
BY_SECRET: Final = "secret"  # noqa: S105 - a way, no password
BY_IAM: Final = "iam"
PORT: Final = 5432


class AwsSettingsError(Exception):
    """A function cannot start as it was set up; `faults` has one sentence for each thing that is wrong."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


# Makes a dataclasses.field, which is what ruff looks for under its own name alone (RUF009).
def _setting(variable: str, parse: Callable[[str], Any], default: Any = None, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={VARIABLE: variable, "parse": parse})


def _row(text: str) -> Function:
    try:
        return function(text)
    except LookupError:
        raise ValueError(f"must be the name of a function, not {text[:40]!r}") from None


@dataclass(frozen=True, kw_only=True)
class AwsSettings:
    """Everything a function may be told; what this one needs is there, the rest may be None."""

    function: Function = field(metadata={VARIABLE: "VENDORPAY_FUNCTION", "parse": _row})
    stage: str = _setting("VENDORPAY_STAGE", values.name, "dev")
    region: str | None = _setting("AWS_REGION", aws_values.region)

    # The database: Aurora by its endpoint (RDS Proxy's for the functions, the cluster's own for migrations), or,
    # where there is no Aurora, by a URL.
    aurora_endpoint: str | None = _setting("AURORA_ENDPOINT", aws_values.host)
    aurora_reader_endpoint: str | None = _setting("AURORA_READER_ENDPOINT", aws_values.host)
    aurora_port: int = _setting("AURORA_PORT", values.whole(1, 65535), PORT)
    database_name: str = _setting("DATABASE_NAME", values.name, "vendorpay")
    database_auth: str = _setting("VENDORPAY_DATABASE_AUTH", values.one_of(BY_SECRET, BY_IAM), BY_SECRET)
    aurora_secret_arn: str | None = _setting("AURORA_SECRET_ARN", aws_values.arn_of("secretsmanager"))
    # The logins that the migrations function makes, with the passwords of these.
    aurora_app_secret_arn: str | None = _setting("AURORA_APP_SECRET_ARN", aws_values.arn_of("secretsmanager"))
    aurora_readonly_secret_arn: str | None = _setting("AURORA_READONLY_SECRET_ARN", aws_values.arn_of("secretsmanager"))
    ca_bundle: Path = _setting("VENDORPAY_RDS_CA_BUNDLE", Path, CA_BUNDLE)  # noqa: RUF009
    database_url: str | None = _setting("VENDORPAY_DATABASE_URL", values.database_url, secret=True)

    event_bus_name: str | None = _setting("EVENT_BUS_NAME", values.name)
    approval_queue_url: str | None = _setting("APPROVAL_QUEUE_URL", aws_values.url)
    checkpoint_bucket: str | None = _setting("VENDORPAY_CHECKPOINT_BUCKET", aws_values.bucket)
    checkpoint_every_s: int = _setting(
        "VENDORPAY_CHECKPOINT_EVERY_S", values.whole(1, values.CHECKPOINT_EVERY_S_MAX), values.CHECKPOINT_EVERY_S
    )
    notice_topic_arn: str | None = _setting("VENDORPAY_NOTICE_TOPIC_ARN", aws_values.arn_of("sns"))
    mail_from: str | None = _setting("VENDORPAY_MAIL_FROM", values.name)

    cognito_user_pool_id: str | None = _setting("COGNITO_USER_POOL_ID", aws_values.pool)
    cognito_client_ids: frozenset[str] = _setting(
        "COGNITO_CLIENT_IDS", values.names(aws_values.CLIENTS_MAX), frozenset()
    )
    issuer: str | None = _setting("VENDORPAY_JWT_ISSUER", aws_values.url)
    """The pool's own, unless it is set."""

    org: str = _setting("VENDORPAY_ORG", values.name, "default")
    """Whose the events of the bus are: an event names no organisation."""
    event_sources: frozenset[str] = _setting(
        "VENDORPAY_EVENT_SOURCES", values.names(values.EVENT_SOURCES_MAX), values.EVENT_SOURCES
    )
    required_approvals: int | None = _setting("VENDORPAY_REQUIRED_APPROVALS", values.whole(1, values.APPROVALS_MAX))
    """A plain number for all payments; None leaves it to the approval policies."""
    fraud_provider: str = _setting(
        "VENDORPAY_FRAUD_PROVIDER", values.one_of(*values.FRAUD_PROVIDERS), values.FRAUD_PROVIDERS[0]
    )
    """Who scores new payments; the same for all functions of a stage."""
    fraud_detector: str | None = _setting("VENDORPAY_FRAUD_DETECTOR", values.detector)
    fraud_thresholds: Cuts | None = _setting("VENDORPAY_FRAUD_THRESHOLDS", _fraud_thresholds)  # noqa: RUF009
    """Those of the service's own rule set."""
    rate_limits: Mapping[RateClass, Limit] | None = _setting("VENDORPAY_RATE_LIMITS", _rate_limits)
    """What each caller may ask of one execution environment: these share nothing."""
    log_level: str = _setting("VENDORPAY_LOG_LEVEL", values.one_of(*values.LOG_LEVELS), "info")

    secrets_endpoint: str | None = _setting("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws_values.url)
    """Secrets Manager's own address in the region, unless it is set."""
    services_ca_bundle: Path | None = _setting("AWS_CA_BUNDLE", Path)  # noqa: RUF009
    """Whose certificates AWS's services have, unless the system's authorities are to be asked: with Amazon's own five a
    start is 20 ms shorter.
    """

    @property
    def jwt_issuer(self) -> str:
        """Whose tokens are taken."""
        return self.issuer or f"https://cognito-idp.{self.region}.amazonaws.com/{self.cognito_user_pool_id}"

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """The settings of an environment. An empty variable counts as not set.

        Raises AwsSettingsError that names every fault: what is misspelt, what is no value, what is missing.
        """
        found: dict[str, Any] = {}
        faults = _unknown(environ)
        for setting in fields(cls):
            variable = setting.metadata[VARIABLE]
            if not (text := _given(environ, variable)):
                continue
            try:
                found[setting.name] = setting.metadata["parse"](text)
            except ValueError as error:
                faults.append(f"{variable} {error}.")
        faults += _missing(environ, found.get("function")) + _no_bundle(environ, found.get("ca_bundle", CA_BUNDLE))
        if (bundle := found.get("services_ca_bundle")) is not None and not bundle.is_file():
            faults.append(f"AWS_CA_BUNDLE names {bundle}, which is no file.")
        faults += _no_detector(environ, found.get("fraud_provider"), found.get("function"))
        if faults:
            raise AwsSettingsError(faults)
        return cls(**found)


def variables() -> frozenset[str]:
    """Every variable that a function may be given."""
    return frozenset(setting.metadata[VARIABLE] for setting in fields(AwsSettings))


def needed(row: Function) -> frozenset[str]:
    """The variables without which a function cannot do its work, when Aurora's password comes from a secret."""
    found = {"VENDORPAY_FUNCTION", "AWS_REGION", "AURORA_ENDPOINT", "AURORA_SECRET_ARN"}
    if row.handler == API_HANDLER:
        found |= {"COGNITO_USER_POOL_ID", "COGNITO_CLIENT_IDS"}
    if Right.PUBLISH_EVENTS in row.rights:
        found.add("EVENT_BUS_NAME")
    if Right.KEEP_CHECKPOINTS in row.rights:
        found.add("VENDORPAY_CHECKPOINT_BUCKET")
    if Right.SEND_NOTICES in row.rights:
        found.add("VENDORPAY_NOTICE_TOPIC_ARN")
    if row.role is DatabaseRole.OWNER:
        found |= {"AURORA_APP_SECRET_ARN", "AURORA_READONLY_SECRET_ARN"}
    return frozenset(found)


def _given(environ: Mapping[str, str], variable: str) -> str:
    # boto3's rule: an address for all of AWS, and one for a single service before it.
    general = environ.get("AWS_ENDPOINT_URL", "") if variable == "AWS_ENDPOINT_URL_SECRETS_MANAGER" else ""
    return environ.get(variable, "") or general


def _missing(environ: Mapping[str, str], row: Function | None) -> list[str]:
    if row is None:
        return (
            []
            if environ.get("VENDORPAY_FUNCTION")
            else ["VENDORPAY_FUNCTION must be set: the name of a row of FUNCTIONS."]
        )
    wanted = set(needed(row))
    if environ.get("VENDORPAY_DATABASE_URL"):
        if environ.get("AURORA_ENDPOINT"):
            return ["AURORA_ENDPOINT and VENDORPAY_DATABASE_URL exclude each other: set one of them."]
        wanted -= {name for name in wanted if name.startswith("AURORA_")}
    elif environ.get("VENDORPAY_DATABASE_AUTH", "").lower() == BY_IAM:
        wanted -= {"AURORA_SECRET_ARN", "AURORA_APP_SECRET_ARN", "AURORA_READONLY_SECRET_ARN"}
    missing = sorted(name for name in wanted if not environ.get(name))
    return [f"{name} must be set: the function {row.name} cannot do without." for name in missing]


def _no_bundle(environ: Mapping[str, str], bundle: Path) -> list[str]:
    if environ.get("VENDORPAY_DATABASE_URL") or bundle.is_file():
        return []
    return [
        f"VENDORPAY_RDS_CA_BUNDLE names {bundle}, which is no file: package Amazon's certificate authorities for RDS, "
        "without which nothing proves that the database is ours."
    ]


def _no_detector(environ: Mapping[str, str], provider: str | None, row: Function | None) -> list[str]:
    """Only who scores has to know which detector does."""
    if provider != "frauddetector" or environ.get("VENDORPAY_FRAUD_DETECTOR"):
        return []
    if row is not None and Right.SCORE_PAYMENTS not in row.rights:
        return []
    return ["VENDORPAY_FRAUD_DETECTOR must be set too, because VENDORPAY_FRAUD_PROVIDER is frauddetector."]


def _unknown(environ: Mapping[str, str]) -> list[str]:
    known = variables()
    strange = sorted(name for name in environ if name.startswith(OURS) and name not in known)
    if not strange:
        return []
    import difflib  # only what is misspelt need cost its import

    near = {name: difflib.get_close_matches(name, sorted(known), n=1) for name in strange}
    all_of_them = f"known are {', '.join(sorted(known))}."
    hints = {name: f"did you mean {found[0]}?" if found else all_of_them for name, found in near.items()}
    return [f"{name} is no setting; {hint}" for name, hint in hints.items()]
