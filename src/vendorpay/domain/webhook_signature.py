"""How a delivery is signed: Standard Webhooks 1.0.0 (github.com/standard-webhooks), symmetric signatures `v1`.

    v1,BASE64( HMAC-SHA256( secret, "<webhook-id>.<webhook-timestamp>.<body>" ) )

While a secret is being replaced there is one signature for each that is live, with blanks between them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final

SECRET_BYTES: Final = 32
"""The standard asks for 24 to 64."""
SECRET_PREFIX: Final = "whsec_"  # noqa: S105  what every such secret begins with


def shown_secret(secret: bytes) -> str:
    """A secret as its receiver gets it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def signature(secret: bytes, *, webhook_id: str, timestamp: int, body: bytes) -> str:
    """The signature of one secret."""
    signed = b"%b.%d.%b" % (webhook_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def signed_headers(
    secrets: Sequence[bytes], *, webhook_id: str, sent_at: datetime, body: bytes
) -> tuple[tuple[str, str], ...]:
    """The three headers of the standard. The timestamp is that of this try, so that an old request cannot be sent
    again by somebody else.
    """
    assert secrets, "nothing is sent unsigned"
    timestamp = int(sent_at.timestamp())
    signatures = [signature(secret, webhook_id=webhook_id, timestamp=timestamp, body=body) for secret in secrets]
    return (
        ("webhook-id", webhook_id),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", " ".join(signatures)),
    )
