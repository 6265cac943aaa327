"""Where a webhook may go, as far as its URL tells; what its name stands for is checked again at every sending."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from vendorpay.domain.public_addresses import is_public

URL_CHARACTERS_MAX: Final = 2_000
_HOST_CHARACTERS_MAX: Final = 253
_PORT_MAX: Final = 65_535

# What RFC 3986 allows there: readers of URLs disagree about the rest.
_REST: Final = r"[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*"
_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-_]+)(?::(?P<port>[1-9][0-9]{0,4}))?(?P<rest>[/?]"
    + _REST
    + r")?\Z"
)
_LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\Z")
_NUMBER: Final = re.compile(r"(0[xX][0-9A-Fa-f]*|[0-9]+)\Z")
_OWN_NAMES: Final = ("localhost", "local", "internal", "localdomain", "home.arpa")


def url_fault(url: str, *, to_private: bool = False) -> str | None:
    """Why no webhook may be sent to this URL, or None when one may.

    With `to_private` (a laptop, a test) plain http and the own network are allowed, too.
    """
    if len(url) > URL_CHARACTERS_MAX:
        return f"must have at most {URL_CHARACTERS_MAX} characters"
    found = _URL.match(url)
    if found is None:
        return _form_fault(url)
    if found["scheme"] != "https" and not to_private:
        return "must begin with https://"
    if found["port"] is not None and int(found["port"]) > _PORT_MAX:
        return f"must have a port from 1 to {_PORT_MAX}"
    return _host_fault(found["host"], to_private=to_private)


def _form_fault(url: str) -> str:
    """What to say of a text that has not the form of a URL that is taken."""
    if "#" in url:
        return "must not have a fragment (#..)"
    if "@" in url.partition("://")[2].partition("/")[0].partition("?")[0]:
        return "must not hold a user name or password"
    return "must be a URL like https://receiver.example/hooks, in ASCII"


def _host_fault(host: str, *, to_private: bool) -> str | None:
    if host.startswith("["):
        return _literal_fault(host[1:-1], to_private=to_private)
    labels = host.split(".")
    if len(host) > _HOST_CHARACTERS_MAX or not all(map(_LABEL.match, labels)):
        return "must have the name of a host, without a dot at its end"
    if _NUMBER.match(labels[-1]):  # what ends in a number is read as an IPv4 address, in more forms than one
        return _literal_fault(host, to_private=to_private)
    name = host.lower()
    own = len(labels) == 1 or any(name == each or name.endswith(f".{each}") for each in _OWN_NAMES)
    if own and not to_private:
        return "must have a host of the public network"
    return None


def _literal_fault(text: str, *, to_private: bool) -> str | None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return "must have a host name, or an IP address in its usual form"
    if not to_private and not is_public(text):
        return "must have a host of the public network"
    return None
