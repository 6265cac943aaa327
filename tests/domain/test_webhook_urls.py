"""Where webhooks may go: https, to hosts of the public network, in a form that everybody reads alike."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vendorpay.domain.public_addresses import is_public
from vendorpay.domain.webhook_urls import URL_CHARACTERS_MAX, url_fault

GOOD = [
    "https://receiver.example",
    "https://receiver.example/hooks?source=vendorpay&x=%20",
    "https://receiver.example:8443/a/b-c_d.e~f",
    "https://xn--bcher-kva.example/",
    "https://8.8.8.8/",
    "https://[2606:4700::1111]:443/",
    "https://RECEIVER.example/",
]
BAD = [
    *("", "receiver.example", "/hooks", "ftp://receiver.example/", "javascript:alert(1)", "https:receiver.example"),
    *(
        "https://",
        "https:///hooks",
        "https://?",
        "https://:443/",
        "https://receiver.example:/",
        "https://a..b.example/",
    ),
    *("https://receiver.example:0/", "https://receiver.example:65536/", "https://receiver.example:99999999/"),
    *("https://receiver.example:0443/", "https://receiver.example:00443/", "https://[2606:4700::1111]:08/"),
    *("https://user@receiver.example/", "https://user:word@receiver.example/", "https://receiver.example@10.0.0.1/"),
    *("https://receiver.example/#part", "https://receiver.example#", "https://receiver.example\\@10.0.0.1/"),
    *(
        "https://receiver.example/a b",
        "https://receiver.example/\n",
        "https://receiver.example/\t",
        " https://a.example",
    ),
    *("https://bücher.example/", "https://receiver.example/ü", "https://receiver.example./", "https://-a.example/"),
    *("https://[::1", "https://[fe80::1%25eth0]/", "https://[::1]x/", "https://1.2.3/", "https://0x08080808/"),
    *("https://1.2.3.4.5/", "https://256.1.1.1/", "https://a.example.0x7f/", "https://receiver.example/\x00"),
]
INSIDE = [
    *("https://127.0.0.1/", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/", "https://0.0.0.0/"),
    *("https://169.254.169.254/latest/meta-data/", "https://100.64.0.1/", "https://[::1]/", "https://[::]/"),
    *("https://[fd00::1]/", "https://[fe80::1]/", "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/"),
    *("https://[2002:a00:1::]/", "https://224.0.0.1/", "https://[ff02::1]/", "https://255.255.255.255/"),
    *(
        "https://localhost/",
        "https://LOCALHOST/",
        "https://db.localhost/",
        "https://intranet/",
        "https://printer.local/",
    ),
    *("https://metadata.google.internal/", "https://router.home.arpa/"),
]
AMBIGUOUS = ["https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://0/"]


@pytest.mark.parametrize("url", GOOD)
def test_a_public_https_url_is_taken(url: str) -> None:
    assert url_fault(url) is None


@pytest.mark.parametrize("url", BAD)
def test_what_is_no_plain_url_is_refused_everywhere(url: str) -> None:
    assert url_fault(url) is not None
    assert url_fault(url, to_private=True) is not None


@pytest.mark.parametrize("url", [*INSIDE, "http://receiver.example/"])
def test_what_leads_inside_needs_the_setting(url: str) -> None:
    assert url_fault(url) is not None
    assert url_fault(url, to_private=True) is None


@pytest.mark.parametrize("url", AMBIGUOUS)
def test_an_address_in_a_form_that_readers_disagree_about_is_refused_even_with_the_setting(url: str) -> None:
    assert url_fault(url) is not None
    assert url_fault(url, to_private=True) is not None


def test_a_url_has_a_length() -> None:
    url = "https://receiver.example/"
    assert url_fault(url + "a" * (URL_CHARACTERS_MAX - len(url))) is None
    assert url_fault(url + "a" * (URL_CHARACTERS_MAX - len(url) + 1)) is not None


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_as_public_inside_ipv6_as_outside(address: ipaddress.IPv4Address) -> None:
    assert is_public(f"::ffff:{address}") == is_public(str(address))
    nat64 = ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | int(address))
    assert is_public(str(nat64)) == is_public(str(address))
    six_to_four = ipaddress.IPv6Address(0x2002 << 112 | int(address) << 80)
    assert is_public(str(six_to_four)) == is_public(str(address))


@given(st.ip_addresses())
def test_no_address_that_python_counts_as_special_is_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    special = address.is_private or address.is_loopback or address.is_link_local or address.is_multicast
    if special or address.is_reserved or address.is_unspecified:
        carried = isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped or address in _NAT64)
        assert carried or not is_public(str(address))


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@pytest.mark.parametrize(
    "address",
    [
        *("168.63.129.16", "::ffff:168.63.129.16", "192.31.196.1", "192.52.193.1", "192.175.48.42", "2620:4f:8000::1"),
        *(
            "2606:4700::5efe:7f00:1",
            "2606:4700::5efe:10.0.0.1",
            "2606:4700::200:5efe:192.168.1.1",
            "fd00::5efe:8.8.8.8",
        ),
    ],
)
def test_what_a_cloud_or_a_network_keeps_for_itself_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["168.63.129.17", "2606:4700::5efe:8.8.8.8", "2606:4700::200:5efe:8.8.8.8"])
def test_their_neighbours_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("text", ["", "receiver.example", "1.2.3", "8.8.8.8/32", "fe80::1%eth0", "2606:4700::1111%1"])
def test_what_is_no_plain_address_is_not_public(text: str) -> None:
    assert not is_public(text)
