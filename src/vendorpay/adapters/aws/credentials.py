"""Who we are towards AWS."""

from __future__ import annotations

from dataclasses import dataclass, field


class CredentialsMissing(Exception):
    """AWS has not told this process who it is; the message says where it was looked."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What requests are signed with; those of a role have a session token too."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
