"""The issuer of a laptop or a demo: one RSA key under the data directory that signs our own tokens."""

import contextlib
import json
import os
import tempfile
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ISSUER = "urn:vendorpay:local"
AUDIENCE = "vendorpay"
KEY_BITS = 2048
KEY_BYTES_MAX = 64 * 1024


class IssuerKeyUnusable(Exception):
    """The local issuer's key file cannot be used; the message says why and what to do."""


class LocalIssuer:
    """Mints tokens and publishes the key set to verify them by."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self._numbers = {"kty": "RSA", "n": str(public["n"]), "e": str(public["e"])}
        self.kid = thumbprint(self._numbers)

    @classmethod
    def open(cls, data_dir: Path) -> "LocalIssuer":
        """The issuer of this data directory, with a new key when it has none.

        Processes that start at once end with the same key. Raises IssuerKeyUnusable.
        """
        path = data_dir / "issuer" / "key.pem"
        try:
            if not path.exists():
                _create(path)
            return cls(_load(path))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise IssuerKeyUnusable(
                f"{path}: {reason}. Give the user of this process the right to read and write {path.parent}."
            ) from error

    def jwks(self) -> dict[str, Any]:
        """The key set; pass this method as the source of a JwksCache."""
        return {"keys": [{**self._numbers, "use": "sig", "alg": "RS256", "kid": self.kid}]}

    def mint(
        self,
        *,
        sub: str,
        role: str,
        ttl: timedelta,
        now: datetime,
        jti: str,
        org: str | None = None,
        vendor: str | None = None,
    ) -> str:
        """A signed token that is valid from now for ttl; a negative ttl makes an expired one."""
        issued_at = int(now.timestamp())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": sub,
            "iat": issued_at,
            "exp": issued_at + int(ttl.total_seconds()),
            "jti": jti,
            "token_use": "access",
            "custom:role": role,
        }
        if org is not None:
            claims["custom:org_id"] = org
        if vendor is not None:
            claims["custom:vendor_id"] = vendor
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self.kid})


def thumbprint(numbers: dict[str, str]) -> str:
    """The RFC 7638 thumbprint of an RSA key: the same key has the same id everywhere."""
    required = {name: numbers[name] for name in ("e", "kty", "n")}
    digest = sha256(json.dumps(required, sort_keys=True, separators=(",", ":")).encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # mkstemp makes a new file that only its owner can read.
    handle, draft = tempfile.mkstemp(prefix="key-", suffix=".draft", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        # A link, not a rename: whoever comes second must keep the first one's key, not replace it.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)


def _load(path: Path) -> rsa.RSAPrivateKey:
    with path.open("rb") as file:
        pem = file.read(KEY_BYTES_MAX)
        if os.fstat(file.fileno()).st_mode & 0o077:
            # A restored backup loses the mode. Not fatal: some mounts know no modes at all.
            with contextlib.suppress(OSError):
                os.fchmod(file.fileno(), 0o600)
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _damaged(path, "is damaged") from error
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < KEY_BITS:
        raise _damaged(path, f"is no RSA key of {KEY_BITS} bits or more")
    return key


def _damaged(path: Path, fault: str) -> IssuerKeyUnusable:
    return IssuerKeyUnusable(
        f"{path} {fault}. Restore it from a backup, or delete it: the next start makes a new key, "
        "and tokens minted with the old one stop working."
    )
