"""`vendorpay token`: a JWT of the local issuer."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from typing import Annotated, Final
from uuid import UUID, uuid4

import typer

from vendorpay.entrypoints.cli.checks import Faults
from vendorpay.entrypoints.cli.options import AsJson, DataDir, settings_of
from vendorpay.entrypoints.cli.output import as_json

_TTL: Final = re.compile(r"(-?)([0-9]{1,9})([smhd])\Z")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
TTL_MAX: Final = timedelta(days=3650)


def token(
    role: Annotated[
        str | None, typer.Option("--role", help="admin, dispatcher, auditor, service, vendor or driver.  [required]")
    ] = None,
    sub: Annotated[str | None, typer.Option("--sub", help="Whose token it is.  [default: a new UUID]")] = None,
    org: Annotated[str | None, typer.Option("--org", help="The organisation.  [default: default]")] = None,
    vendor: Annotated[str | None, typer.Option("--vendor", metavar="UUID", help="Of a vendor: which one.")] = None,
    ttl: Annotated[str, typer.Option("--ttl", help="How long it is valid: 30s, 15m, 1h, 7d; -1h: expired.")] = "1h",
    data_dir: DataDir = None,
    json: AsJson = False,
) -> None:
    """Mint a token of the local issuer, alone on stdout. Works before and while `serve` runs on the directory.

    Examples:

        vendorpay token --role dispatcher

        vendorpay token --role vendor --vendor 4f426dcb-b394-4b36-bb2d-420f0f88080b --ttl 7d
    """
    faults = Faults()
    settings = faults.settings(lambda: settings_of(data_dir=data_dir))
    known = _role(faults, role)
    valid_for = _checked(faults, sub, org, vendor, ttl)
    faults.end()

    from vendorpay.adapters.local_issuer import LocalIssuer
    from vendorpay.entrypoints.ids import system_now

    if settings.jwt_issuer is not None:
        print("vendorpay: the service accepts tokens of VENDORPAY_JWT_ISSUER, not this one.", file=sys.stderr)
    now, who = system_now(), sub or str(uuid4())
    minted = LocalIssuer.open(settings.data_dir).mint(
        sub=who, role=known, ttl=valid_for, now=now, jti=str(uuid4()), org=org, vendor=vendor
    )
    if json:
        as_json({"token": minted, "sub": who, "role": known, "expiresAt": (now + valid_for).isoformat()})
    else:
        print(minted)


def _role(faults: Faults, role: str | None) -> str:
    from vendorpay.domain.roles import Role

    if role is None:
        faults.add(f"--role is missing: it must be one of {', '.join(Role)}.")
    elif role not in set(Role):
        faults.add(f"--role must be one of {', '.join(Role)}, not {role!r}.")
    return role or ""


def _checked(faults: Faults, sub: str | None, org: str | None, vendor: str | None, ttl: str) -> timedelta:
    """The lifetime, when nothing else is wrong either."""
    from vendorpay.domain.errors import VendorPayError
    from vendorpay.domain.roles import caller_of

    if vendor is not None and not _is_uuid(vendor):
        faults.add(f"--vendor must be a UUID, not {vendor!r}.")
    for name, claim, value in (("--sub", "sub", sub), ("--org", "custom:org_id", org)):
        try:
            if value is not None:
                caller_of({"sub": "somebody", "custom:role": "admin", claim: value})
        except VendorPayError:
            faults.add(f"{name} cannot be {value!r}: the service would refuse it.")
    found = _TTL.match(ttl)
    valid_for = timedelta(**{_UNITS[found[3]]: int(found[1] + found[2])}) if found else timedelta()
    if found is None or abs(valid_for) > TTL_MAX:
        faults.add(f"--ttl must be like 30s, 15m, 1h, 7d or -1h, and at most {TTL_MAX.days}d, not {ttl!r}.")
    return valid_for


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
