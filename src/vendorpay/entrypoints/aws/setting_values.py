"""What the settings of functions alone may say (the others: domain/setting_values.py), with errors of the same kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

HOST_CHARACTERS_MAX: Final = 253
CLIENTS_MAX: Final = 20

_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\Z")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:(?P<service>[a-z0-9-]+):[a-z0-9-]*:\d{12}:\S+\Z")
_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-\d\Z")
_POOL: Final = re.compile(r"[\w-]+_[A-Za-z0-9]+\Z", re.ASCII)
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
_URL: Final = re.compile(r"https?://[^\s/@]+(/\S*)?\Z")


def host(text: str) -> str:
    """A host name alone: the port is a setting of its own."""
    if len(text) > HOST_CHARACTERS_MAX or not _HOST.match(text):
        raise ValueError(f"must be a host name like cluster.example.eu-west-1.rds.amazonaws.com, not {text[:80]!r}")
    return text


def arn_of(service: str) -> Callable[[str], str]:
    """The ARN of something of one AWS service."""

    def parse(text: str) -> str:
        found = _ARN.match(text)
        if found is None or found["service"] != service:
            raise ValueError(f"must be an ARN like arn:aws:{service}:eu-west-1:123456789012:.., not {text[:80]!r}")
        return text

    return parse


def region(text: str) -> str:
    """A region's name."""
    if not _REGION.match(text):
        raise ValueError(f"must be a region like eu-west-1, not {text[:40]!r}")
    return text


def pool(text: str) -> str:
    """The id of a Cognito user pool."""
    if not _POOL.match(text):
        raise ValueError(f"must be the id of a user pool like eu-west-1_Ab12Cd34E, not {text[:80]!r}")
    return text


def bucket(text: str) -> str:
    """The name of an S3 bucket."""
    if not _BUCKET.match(text):
        raise ValueError(f"must be the name of a bucket, not {text[:80]!r}")
    return text


def url(text: str) -> str:
    """An HTTP address, without a user in it."""
    if not _URL.match(text):
        raise ValueError("must be a URL like https://service.eu-west-1.amazonaws.com, without a user")
    return text
