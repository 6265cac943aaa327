"""The keys of a JSON Web Key Set that may sign tokens: RSA, RS256, for signatures, 2048 bits or more."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jwt import PyJWK
from jwt.algorithms import RSAAlgorithm
from jwt.exceptions import PyJWTError

KEYS_MAX = 100
KEY_BITS_MIN = 2048
# Above this a verification is slow enough to be a burden, and no issuer uses such keys.
KEY_BITS_MAX = 8192
KID_LENGTH_MAX = 256
_MODULUS_LENGTH_MAX = KEY_BITS_MAX // 6 + 4
_EXPONENT_LENGTH_MAX = 12

_RS256 = RSAAlgorithm(RSAAlgorithm.SHA256)


class JwksUnavailable(Exception):
    """A key set could not be had: the issuer does not answer, or its answer is no key set."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One public key; two are equal when they carry the same numbers under the same name."""

    kid: str
    modulus: str
    exponent: str
    public_key: Any = field(compare=False, repr=False)

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature over the message is this key's."""
        return _RS256.verify(message, self.public_key, signature)


class KeySet:
    """What an issuer publishes at one time. Without a usable key it is falsy."""

    __slots__ = ("_by_kid",)

    def __init__(self, keys: Mapping[str, SigningKey]) -> None:
        self._by_kid = keys

    def __len__(self) -> int:
        return len(self._by_kid)

    def get(self, kid: str) -> SigningKey | None:
        return self._by_kid.get(kid)

    def only(self) -> SigningKey | None:
        """The one key, when there is just one: a token without a kid can mean no other."""
        return next(iter(self._by_kid.values())) if len(self._by_kid) == 1 else None

    def holds(self, key: SigningKey) -> bool:
        return self._by_kid.get(key.kid) == key

    def adds_to(self, earlier: "KeySet | None") -> bool:
        """Whether a key is here that the earlier set did not hold."""
        return any(earlier is None or not earlier.holds(key) for key in self._by_kid.values())


def parse_jwks(document: object) -> KeySet:
    """The usable keys of a decoded JWKS; keys of another kind, use or strength are left out.

    Raises JwksUnavailable when the document is no key set at all.
    """
    members = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(members, list):
        raise JwksUnavailable("the answer is not a JSON Web Key Set")
    if len(members) > KEYS_MAX:
        raise JwksUnavailable(f"the key set holds more than {KEYS_MAX} keys")
    keys: dict[str, SigningKey] = {}
    for member in members:
        key = _usable(member)
        if key is not None:
            keys.setdefault(key.kid, key)
    return KeySet(keys)


def _usable(member: object) -> SigningKey | None:
    if not isinstance(member, Mapping) or not _for_rs256_signatures(member):
        return None
    modulus, exponent = member.get("n"), member.get("e")
    if not _short_text(modulus, _MODULUS_LENGTH_MAX) or not _short_text(exponent, _EXPONENT_LENGTH_MAX):
        return None
    # A key without a name goes by its modulus, too long for a token to name it: two of them stay two.
    kid = member.get("kid", modulus)
    if "kid" in member and not _short_text(kid, KID_LENGTH_MAX):
        return None
    try:
        # Only the public numbers are handed on: a set that leaks private ones must not yield a private key.
        public_key = PyJWK({"kty": "RSA", "n": modulus, "e": exponent}, "RS256").key
    except (PyJWTError, ValueError):
        return None
    if not KEY_BITS_MIN <= public_key.key_size <= KEY_BITS_MAX:
        return None
    return SigningKey(str(kid), str(modulus), str(exponent), public_key)


def _for_rs256_signatures(member: Mapping[Any, Any]) -> bool:
    if member.get("kty") != "RSA" or member.get("alg", "RS256") != "RS256" or member.get("use", "sig") != "sig":
        return False
    operations = member.get("key_ops", ["verify"])
    return isinstance(operations, list) and "verify" in operations


def _short_text(value: object, length_max: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= length_max
