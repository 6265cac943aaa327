"""Whether an import begins or goes on, and everything that speaks against going on."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from vendorpay.entrypoints.cli.failures import WrongUsage
from vendorpay.entrypoints.cli.payments_import.chunks import ITEMS_USUAL
from vendorpay.entrypoints.cli.payments_import.state import VERSION, State, load


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the options ask for."""

    file: Path
    format: str
    url: str
    token: str
    chunk: int | None
    errors: Path | None
    errors_usual: Path


def state_of(wish: Wish, sha256: str, path: Path, *, restart: bool) -> State:
    """The state to go on from, or that of a new import. Raises WrongUsage with every reason not to go on."""
    known = None if restart else _loaded(path)
    errors = (wish.errors or wish.errors_usual).absolute()
    if known is None:
        if not restart and errors.exists() and errors.stat().st_size:
            raise WrongUsage(f"{errors} exists already: remove it, or name another by --errors. --restart replaces it.")
        return State(
            version=VERSION,
            sha256=sha256,
            format=wish.format,
            url=wish.url.rstrip("/"),
            caller=caller_of(wish.token),
            chunk=wish.chunk or ITEMS_USUAL,
            errors=str(errors),
        )
    if faults := _differences(known, wish, sha256):
        raise WrongUsage(*faults, f"--restart begins anew, and replaces {path}.")
    return known


def _loaded(path: Path) -> State | None:
    try:
        return load(path)
    except (ValueError, OSError) as error:
        raise WrongUsage(f"{path} cannot be read as the state of an import: {error}. --restart begins anew.") from None


def _differences(known: State, wish: Wish, sha256: str) -> list[str]:
    where = f"after line {known.line - 1}"
    caller = caller_of(wish.token)
    faults = []
    if known.sha256 != sha256:
        faults.append(
            f"{wish.file} is not the one whose import was begun and stands {where}: its content is another one."
        )
    if known.format != wish.format:
        faults.append(f"The import was begun with --format {known.format}.")
    if known.url != wish.url.rstrip("/"):
        faults.append(f"The import was begun at another --url: {known.url}.")
    if known.caller != caller:
        faults.append(
            f"The import was begun with the --token of {known.caller or 'nobody'}, not {caller or 'nobody'}: "
            "what it has done is known to the same caller only (vendorpay token --sub .. --org ..)."
        )
    if wish.chunk is not None and known.chunk != wish.chunk:
        faults.append(f"The import was begun with --chunk {known.chunk}.")
    if wish.errors is not None and known.errors != str(wish.errors.absolute()):
        faults.append(f"The import was begun with --errors {known.errors}.")
    return faults


def caller_of(token: str) -> str:
    """Whom a token names, `sub of organisation`; "" when it cannot be read. Keys are known for the same caller only."""
    payload = [*token.split("."), ""][1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return f"{claims['sub']} of {claims.get('custom:org_id', 'default')}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
