"""Why a connection to Aurora failed, in a sentence that says what to do.

libpq tells it in words alone. They are its own, in English, and not the server's; the sentences here quote nothing of
either.
"""

from __future__ import annotations

from typing import Final

import psycopg

from vendorpay.store.logins import is_password_refused

_READER: Final = "the endpoint leads to a reader: a failover is under way, or AURORA_ENDPOINT names the reader"
_NAME: Final = "the endpoint's name is not known: correct AURORA_ENDPOINT"

REASONS: Final = (
    (
        "does not match host name",
        "the server's certificate is another host's: AURORA_ENDPOINT must be the name that AWS gave the endpoint, no "
        "alias and no address",
    ),
    (
        "certificate verify failed",
        "no authority in {bundle} has signed the server's certificate: package Amazon's newest bundle for RDS, with "
        "Amazon's own authorities for RDS Proxy, and look at what answers there",
    ),
    ("could not read root certificate", "{bundle} holds no certificates: package Amazon's bundle for RDS"),
    ("root certificate file", "there is no file {bundle}: package Amazon's bundle for RDS"),
    ("does not support SSL", "the server speaks no TLS, without which nobody connects: look at what answers there"),
    ("read-only", _READER),
    ("hot standby", _READER),
    ("resolve host", _NAME),
    ("translate host", _NAME),
    ("timeout", "nobody answers: look at the security groups and routes between the function and the database"),
    ("refused", "nobody listens there: correct AURORA_ENDPOINT and AURORA_PORT, or wait for the failover's end"),
)
"""What libpq says, and what it means; the first that is found holds."""
PASSWORD: Final = "the password is refused, and there is no newer one"  # noqa: S105 - a sentence
OTHER: Final = "no connection: the database's own log says more"


def why(error: psycopg.Error, bundle: object) -> str:
    """The sentence for a connection that could not be made."""
    told = str(error)
    for sign, sentence in REASONS:
        if sign in told:
            return sentence.format(bundle=bundle)
    refused = isinstance(error, psycopg.OperationalError) and is_password_refused(error)
    return PASSWORD if refused else OTHER
