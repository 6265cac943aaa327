"""Signatures are those of Standard Webhooks 1.0.0, so that any of its libraries can verify what we send."""

import base64
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.scenarios.webhook_receiver import verified
from vendorpay.domain.webhook_signature import SECRET_BYTES, shown_secret, signature, signed_headers

# The vector that the standard's own libraries are tested with.
VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
VECTOR_SENT_AT = 1614265330
VECTOR_BODY = b'{"test": 2432232314}'
VECTOR_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_published_vector_comes_out() -> None:
    secret = base64.b64decode(VECTOR_SECRET.removeprefix("whsec_"))
    assert signature(secret, webhook_id=VECTOR_ID, timestamp=VECTOR_SENT_AT, body=VECTOR_BODY) == VECTOR_SIGNATURE
    assert shown_secret(secret) == VECTOR_SECRET


def test_there_is_one_signature_for_each_live_secret_in_their_order() -> None:
    first, second = b"a" * SECRET_BYTES, b"b" * SECRET_BYTES
    sent_at = datetime.fromtimestamp(VECTOR_SENT_AT, UTC)
    headers = dict(signed_headers([first, second], webhook_id=VECTOR_ID, sent_at=sent_at, body=VECTOR_BODY))
    assert headers["webhook-id"] == VECTOR_ID
    assert headers["webhook-timestamp"] == str(VECTOR_SENT_AT)
    assert headers["webhook-signature"] == " ".join(
        signature(secret, webhook_id=VECTOR_ID, timestamp=VECTOR_SENT_AT, body=VECTOR_BODY)
        for secret in (first, second)
    )


@given(secret=st.binary(min_size=24, max_size=64), body=st.binary(max_size=200), other=st.binary(max_size=200))
def test_what_is_signed_verifies_and_nothing_else_does(secret: bytes, body: bytes, other: bytes) -> None:
    headers = dict(signed_headers([secret], webhook_id="evt", sent_at=datetime.now(UTC), body=body))
    assert verified(shown_secret(secret), headers, body)
    assert verified(shown_secret(secret), headers, other) == (other == body)
    assert not verified(shown_secret(secret[::-1] + b"x"), headers, body)
    assert not verified(shown_secret(secret), {**headers, "webhook-id": "evt2"}, body)
    assert not verified(shown_secret(secret), {**headers, "webhook-timestamp": "1614265330"}, body)


def test_the_ten_lines_in_the_docs_verify_what_we_send() -> None:
    page = (Path(__file__).parents[2] / "docs/delivery.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.S)
    found: dict[str, Any] = {}
    exec(code, found)
    secret, body = b"k" * SECRET_BYTES, b'{"type":"PaymentApproved"}'
    for secrets in ([secret], [b"o" * SECRET_BYTES, secret]):
        headers = dict(signed_headers(secrets, webhook_id="evt", sent_at=datetime.now(UTC), body=body))
        assert found["verify"](shown_secret(secret), headers, body)
        assert not found["verify"](shown_secret(secret), headers, body + b" ")
        assert not found["verify"](shown_secret(secret[:-1] + b"x"), headers, body)
        old = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)}
        assert not found["verify"](shown_secret(secret), old, body)
