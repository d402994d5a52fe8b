"""No spelling of an address that nobody may be made to call gets past the guard."""

import socket
from ipaddress import ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.outbound import addresses, targets
from bridge.outbound.targets import Rules, Target, Unusable

PUBLIC_ONLY = Rules(allow_http=True)

REFUSED_ADDRESSES = {
    "this network": ["0.0.0.0", "0.1.2.3", "0.255.255.255"],
    "private": ["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1"],
    "shared by a carrier (CGNAT)": ["100.64.0.1", "100.127.255.255"],
    "loopback": ["127.0.0.1", "127.0.0.2", "127.255.255.255", "::1"],
    "link-local": ["169.254.0.1", "169.254.169.123", "169.254.255.255", "fe80::1", "febf::1", "fe80::1%1"],
    "documentation": ["192.0.2.1", "198.51.100.7", "203.0.113.9", "2001:db8::1", "3fff::1", "3fff:fff::1"],
    "benchmarking": ["198.18.0.1", "198.19.255.255", "2001:2::1"],
    "reserved": [
        "192.0.0.1", "192.0.0.170", "192.31.196.1", "192.52.193.1", "192.175.48.6", "240.0.0.1", "254.1.1.1",
        "2001:1::1", "2001:3::1", "2001:1ff::1", "3ffe::1", "4000::1", "1000::1", "200::1", "100:0:0:1::1",
        "e000::1", "fe00::1",
    ],
    "multicast": ["224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1"],
    "broadcast": ["255.255.255.255"],
    "6to4": ["192.88.99.1", "2002:7f00:1::1", "2002:808:808::1"],
    "Teredo": ["2001::1", "2001:0:808:808:0:0:80ff:fffe"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1", "64:ff9b:1:ffff::1"],
    "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:7f00:1", "::ffff:a9fe:a9fe"],
    "IPv4-translated": ["::ffff:0:127.0.0.1", "::ffff:0:808:808"],
    "IPv4-compatible": ["::127.0.0.1", "::8.8.8.8", "::a00:1"],
    "unspecified": ["::"],
    "discard": ["100::1", "100::ffff:ffff:ffff:ffff"],
    "ORCHID": ["2001:10::1", "2001:1f::1", "2001:20::1", "2001:2f:ffff::1"],
    "segment routing": ["5f00::1"],
    "unique-local": ["fc00::1", "fd00::1", "fdff:ffff::1"],
    "site-local": ["fec0::1", "feff::1"],
    "cloud metadata": [
        "169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.0.23", "100.100.100.200",
        "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fe80::a9fe:a9fe",
    ],
}  # fmt: skip

GOOD_ADDRESSES = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.1", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255",
    "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
    "2000::1", "2001:200::1", "2001:4860:4860::8888", "2003::1", "2606:4700::1111", "2a00:1450::1", "3ffd::1",
]  # fmt: skip

# Hosts as somebody may write them; each would reach an address that is refused, or is read by no two alike.
REFUSED_HOSTS = [
    # dotted, short, decimal, octal, hexadecimal, mixed
    "127.0.0.1", "127.1", "127.0.1", "127.255", "2130706433", "017700000001", "0177.0.0.1", "0177.1",
    "0x7f.1", "0x7f000001", "0X7F000001", "0x7f.0x0.0x0.0x1", "0x7f.0.0.01", "127.0.0.01", "127.0.0.0x1",
    "0300.0250.0.1", "192.168.257", "3232235521", "0xc0a80001", "10.1", "167772161", "0xa9fea9fe",
    "2852039166", "0251.0376.0251.0376", "0251.254.169.254", "0xa9.0xfe.0xa9.0xfe", "025177524776",
    "0", "0.0", "0x0", "00", "0.0.0.0", "000.000.000.000", "00000127.0.0.1", "0000177.0.0.1",
    # numbers that are no address, or a public one that not everyone reads alike
    "256.1.1.1", "4294967296", "99999999999", "1.2.3.4.5", "127.0.0.1.1", "0x100000000", "08.8.8.8",
    "134744072", "0x08080808", "010.8.8.8", "8.8.2056", "8.8.8.8.", "0x", "1.0x",
    # trailing dots
    "127.0.0.1.", "127.1.", "2130706433.", "0x7f000001.", "localhost.", "127.0.0.1..", "example.com..",
    # IPv6
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:0001]", "[::FFFF:169.254.169.254]", "[::127.0.0.1]",
    "[::7f00:1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::10.0.0.1]",
    "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[fc00::1]",
    "[fd00:ec2::254]", "[fe80::1]", "[fe80::1%25eth0]", "[fe80::1%eth0]", "[::1%25lo]", "[::1%lo]",
    "[2606:4700::1111%25eth0]", "[fec0::1]", "[ff02::1]", "[5f00::1]", "[::ffff:0:127.0.0.1]",
    "[::1", "::1]", "[]", "[127.0.0.1]", "[v1.fe80::a]", "[::1]x", "[::g]", "::1",
    # other digits and dots, invisible characters, percent-encoding
    "①②⑦.⓪.⓪.①", "１２７.0.0.1", "127。0。0。1", "127．0．0．1", "１６９.２５４.１６９.２５４", "⑩.0.0.1",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "loc\u00adalhost", "127.0.0\u200b.1", "%31%32%37.0.0.1", "127%2e0%2e0%2e1", "127.0.0.1%00",
    "%6c%6fcalhost", "ex%61mple.com", "0x7f。1",
    # names that stand for the machine itself
    "localhost", "LOCALHOST", "a.localhost", "x.y.localhost.",
    # user-info and what else may hide a host
    "good.example@127.0.0.1", "user:pass@127.0.0.1", "good.example:80@127.0.0.1", "user@good.example",
    "@127.0.0.1", "127.0.0.1\\@good.example", "good.example\\@127.0.0.1", "good.example%40127.0.0.1",
    # hosts that are none
    "", ":443", ".", "..", ".example.com", "a..example.com", "-", "exa mple.com", "exa\tmple.com",
    "exam\nple.com", "example.com\x00", "a" * 64 + ".example", ("a" * 60 + ".") * 5 + "example", "a,b", "a;b",
    # ports
    "example.com:0", "example.com:65536", "example.com:x", "example.com:-1", "example.com:", "127.0.0.1:8080",
    "[::1]:8080", "localhost:6379", "2130706433:80", "example.com:80:80",
]  # fmt: skip

GOOD_HOSTS = [
    "example.com", "EXAMPLE.com", "example.com.", "hooks.example.co.uk", "example.com:8443", "a-b.example",
    "a_b.example", "bücher.example", "xn--bcher-kva.example", "123.example", "0x7f.example", "8.8.8.8",
    "1.1.1.1:443", "[2606:4700::1111]", "[2606:4700:0:0:0:0:0:1111]:8443", "[2A00:1450::1]", "example",
    "localhost.example.com", "127.0.0.1.example.com", "mylocalhost", "1e3", "ｅｘａｍｐｌｅ.com",
    "a" * 63 + ".example",
]  # fmt: skip


def test_every_special_address_is_refused_by_its_class(subtests: pytest.Subtests) -> None:
    for kind, text in [(kind, text) for kind, texts in REFUSED_ADDRESSES.items() for text in texts]:
        with subtests.test(text):
            assert addresses.address_refusal(ip_address(text)) == kind


def test_public_addresses_may_be_called(subtests: pytest.Subtests) -> None:
    for text in GOOD_ADDRESSES:
        with subtests.test(text):
            assert addresses.address_refusal(ip_address(text)) is None


@pytest.mark.parametrize("scheme", ["http", "HTTPS"])
def test_no_spelling_gets_past(scheme: str, subtests: pytest.Subtests) -> None:
    for host in REFUSED_HOSTS:
        with subtests.test(host=host):
            assert isinstance(targets.parse_target(f"{scheme}://{host}/x?y=z", PUBLIC_ONLY), Unusable)


def test_public_hosts_may_be_called(subtests: pytest.Subtests) -> None:
    for host in GOOD_HOSTS:
        with subtests.test(host=host):
            found = targets.parse_target(f"https://{host}/x?y=z", PUBLIC_ONLY)
            assert isinstance(found, Target)
            assert found.url.raw_path_qs == "/x?y=z"


def test_the_tables_are_as_long_as_they_should_be() -> None:
    assert len(set(REFUSED_HOSTS)) >= 140
    assert len(set(GOOD_HOSTS)) >= 20


@given(st.integers(0, 0xFFFFFFFF), st.sampled_from(["{}", "0x{:x}", "0{:o}"]))
def test_a_number_is_read_as_the_address_that_it_is(value: int, form: str) -> None:
    assert addresses.literal(form.format(value)) == ip_address(value)


@given(st.from_regex(r"[0-9a-fxX.]{1,20}", fullmatch=True))
def test_what_a_c_library_takes_for_an_address_is_taken_for_that_address(host: str) -> None:
    try:
        theirs = ip_address(socket.inet_aton(host))
    except OSError:
        return
    assert addresses.literal(host) == theirs


@given(st.integers(0, 0xFFFFFFFF))
@example(0x08080808)
def test_an_ipv4_address_in_ipv6_clothes_is_always_refused(value: int) -> None:
    for prefix in ("::ffff:0:0", "64:ff9b::", "64:ff9b:1::", "::ffff:0:0:0"):
        assert addresses.address_refusal(ip_address(int(ip_address(prefix)) | value)) is not None


# --- what an operator allows -------------------------------------------------------------------------------


def test_an_allowed_network_opens_itself_and_no_more(subtests: pytest.Subtests) -> None:
    cases = [
        ("10.1.2.3", "10.0.0.0/8", None),
        ("10.1.2.3", "10.2.0.0/16", "private"),
        ("127.0.0.1", "127.0.0.0/8", None),
        ("fd12::1", "fd12::/16", None),
        ("169.254.169.254", "169.254.0.0/16", "cloud metadata"),
        ("100.100.100.200", "100.64.0.0/10", "cloud metadata"),
        ("fd00:ec2::254", "fd00::/8", "cloud metadata"),
        ("::ffff:10.0.0.1", "10.0.0.0/8", "IPv4-mapped"),
        ("64:ff9b::8.8.8.8", "64:ff9b::/96", None),
        ("64:ff9b::10.0.0.1", "64:ff9b::/96", "private"),
        ("64:ff9b::169.254.169.254", "::/0", "cloud metadata"),
        ("::ffff:127.0.0.1", "::/0", "loopback"),
        ("2002:7f00:1::", "::/0", "loopback"),
        # Teredo carries it with every bit turned: 169.254.169.254 and 8.8.8.8.
        ("2001::5601:5601", "2001::/32", "cloud metadata"),
        ("2001::f7f7:f7f7", "2001::/32", None),
    ]
    for text, allowed, refused in cases:
        with subtests.test(text, allowed=allowed):
            assert addresses.address_refusal(ip_address(text), addresses.networks([allowed])) == refused


# --- URLs --------------------------------------------------------------------------------------------------


def test_a_url_that_is_not_called_says_why(subtests: pytest.Subtests) -> None:
    cases = [
        ("http://example.com/", "https_required"),
        ("ftp://example.com/", "bad_url"),
        ("file:///etc/passwd", "bad_url"),
        ("gopher://example.com/", "bad_url"),
        ("//example.com/", "bad_url"),
        ("example.com", "bad_url"),
        ("https:example.com", "bad_url"),
        ("https:/example.com", "bad_url"),
        ("https:///example.com", "bad_url"),
        ("https://example.com/" + "a" * 8192, "bad_url"),
        ("https://example.com/a b", "bad_url"),
        ("https://example.com/\r\nHost: other", "bad_url"),
        (" https://example.com/", "bad_url"),
        ("", "bad_url"),
        ("https://127.0.0.1/", "address_refused"),
    ]
    for url, kind in cases:
        with subtests.test(url=url):
            found = targets.parse_target(url, Rules())
            assert isinstance(found, Unusable)
            assert found.kind == kind


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://example.com", "/"),
        ("https://example.com?a=b", "/?a=b"),
        ("https://example.com/a%2Fb/../c+d?X=%2B+%41&s=a%20b#frag", "/a%2Fb/../c+d?X=%2B+%41&s=a%20b"),
        ("https://example.com/a//b?u=https://x/y&z[]=1", "/a//b?u=https://x/y&z[]=1"),
        ("https://example.com/ä", "/%C3%A4"),
    ],
)
def test_path_and_query_stay_as_they_were_signed(written: str, sent: str) -> None:
    found = targets.parse_target(written, Rules())
    assert isinstance(found, Target)
    assert found.url.raw_path_qs == sent


@pytest.mark.parametrize("rules", [Rules(), PUBLIC_ONLY])
def test_what_is_said_of_a_url_holds_no_secret(rules: Rules) -> None:
    for host in [*REFUSED_HOSTS, *GOOD_HOSTS]:
        found = targets.parse_target(f"http://{host}/secret-path?sig=secret-query#secret", rules)
        said = found.reason if isinstance(found, Unusable) else found.where
        assert "secret" not in said
        assert "pass" not in said
