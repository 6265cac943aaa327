"""What tests sign tokens with: a key, a clock that stands still, and the claims of a good token."""

import hmac
import json
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ISSUER = "https://issuer.test/pool"
AUDIENCE = "vendorpay-test"
START = 1_800_000_000.0


class Clock:
    """Wall and monotonic time, moved by hand; they start apart, as they do in life."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> float:
        return START + self.passed

    def monotonic(self) -> float:
        return 1000.0 + self.passed


class Signer:
    """An RSA key of an issuer."""

    def __init__(self, kid: str, bits: int = 2048) -> None:
        self.kid = kid
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=bits)

    def jwk(self, **changed: Any) -> dict[str, Any]:
        """The public key as published; a member set to None is left out."""
        numbers = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        member = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": numbers["n"], "e": numbers["e"]}
        return {name: value for name, value in {**member, **changed}.items() if value is not None}

    def pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def token(self, header: dict[str, Any] | None = None, **changed: Any) -> str:
        """A good token with the named claims changed; a claim set to None is left out."""
        fields = {"kid": self.kid} if header is None else header
        return jwt.encode(claims(**changed), self.private, algorithm="RS256", headers=fields)

    def sign_raw(self, header: bytes, payload: bytes) -> str:
        """A token over any two texts, JSON or not."""
        signed = f"{base64url(header)}.{base64url(payload)}"
        signature = RSAAlgorithm(RSAAlgorithm.SHA256).sign(signed.encode(), self.private)
        return f"{signed}.{base64url(signature)}"


def claims(**changed: Any) -> dict[str, Any]:
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a-user", "iat": START, "exp": START + 3600}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def hs256(secret: bytes, kid: str) -> str:
    """A token signed with a shared secret, by hand: PyJWT refuses to sign with a public key."""
    signed = f"{_json({'alg': 'HS256', 'typ': 'JWT', 'kid': kid})}.{_json(claims())}"
    return f"{signed}.{base64url(hmac.digest(secret, signed.encode(), sha256))}"


def unsigned(alg: str, signature: str) -> str:
    return f"{_json({'alg': alg, 'kid': 'first'})}.{_json(claims())}.{signature}"


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _json(value: object) -> str:
    return base64url(json.dumps(value).encode())
