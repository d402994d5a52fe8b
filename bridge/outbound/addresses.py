"""Rules for the addresses that no one may make the bridge call. Pure.

An address that someone else chose is refused unless it is plain public unicast. The module has its own lists,
taken from the IANA special-purpose registries, because the addresses that ``ipaddress`` calls global differ
between patch versions of Python. The properties of ``ipaddress`` are checked as well, for networks that a
later version knows and the lists don't.

An operator may allow networks (a private deployment). That never allows the metadata services of clouds. An
IPv6 address that carries an IPv4 address is allowed only if the carried address may be called too.
"""

import re
from collections.abc import Iterable
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Networks = tuple[Network, ...]

# These serve credentials without authentication. Most are in a refused network anyway, some (Azure's) are
# not.
_METADATA = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, GCP, Azure, OpenStack and others
        "169.254.170.2",  # AWS, containers
        "169.254.170.23",
        "169.254.0.23",  # Tencent
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure's wire server
        "192.0.0.192",  # Oracle
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",
        "fd20:ce::254",  # GCP
        "fe80::a9fe:a9fe",  # OpenStack
    )
)

_REFUSED_V4 = (
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared by a carrier (CGNAT)"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "documentation"),
    ("192.31.196.0/24", "reserved"),
    ("192.52.193.0/24", "reserved"),
    ("192.88.99.0/24", "6to4"),
    ("192.168.0.0/16", "private"),
    ("192.175.48.0/24", "reserved"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("255.255.255.255/32", "broadcast"),
    ("240.0.0.0/4", "reserved"),
)

_REFUSED_V6 = (
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("::ffff:0:0/96", "IPv4-mapped"),
    ("::ffff:0:0:0/96", "IPv4-translated"),
    ("::/96", "IPv4-compatible"),
    ("64:ff9b::/96", "NAT64"),
    ("64:ff9b:1::/48", "NAT64"),
    ("100::/64", "discard"),
    ("2001::/32", "Teredo"),
    ("2001:2::/48", "benchmarking"),
    ("2001:10::/28", "ORCHID"),
    ("2001:20::/28", "ORCHID"),
    ("2001::/23", "reserved"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("3ffe::/16", "reserved"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fc00::/7", "unique-local"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
)

_REFUSED: dict[int, tuple[tuple[Network, str], ...]] = {
    4: tuple((IPv4Network(text), kind) for text, kind in _REFUSED_V4),
    6: tuple((IPv6Network(text), kind) for text, kind in _REFUSED_V6),
}

# All unicast addresses allocated so far are here; the rest of IPv6 is reserved.
_UNICAST_V6 = IPv6Network("2000::/3")


def networks(texts: Iterable[str]) -> Networks:
    """Parse ``texts`` (CIDR) as networks. Raises ``ValueError`` for an invalid one."""
    return tuple(ip_network(text) for text in texts)


def address_refusal(address: Address, allowed: Networks = ()) -> str | None:
    """Return why ``address`` is refused (its class: ``loopback``, ``private`` …), ``None`` if it may be
    called."""
    if address in _METADATA:
        return "cloud metadata"
    if isinstance(address, IPv6Address) and address.scope_id:
        return "link-local"
    if not any(address in network for network in allowed):
        return _listed(address) or _reserved(address)
    carried = _carried(address)
    return address_refusal(carried, allowed) if carried is not None else None


def _listed(address: Address) -> str | None:
    return next((kind for network, kind in _REFUSED[address.version] if address in network), None)


def _reserved(address: Address) -> str | None:
    if isinstance(address, IPv6Address) and address not in _UNICAST_V6:
        return "reserved"
    unfit = (
        address.is_private,
        address.is_reserved,
        address.is_loopback,
        address.is_link_local,
        address.is_multicast,
        address.is_unspecified,
    )
    return "reserved" if any(unfit) else None


def _carried(address: Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to ``address`` reach, if it is a translated form of one."""
    if isinstance(address, IPv4Address):
        return None
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    kind = _listed(address)
    if kind in ("IPv4-mapped", "IPv4-translated", "IPv4-compatible", "NAT64"):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def literal(host: str) -> Address | None:
    """Parse ``host`` as an address in any notation that a C library accepts; ``None`` for a name.

    IPv4 may be dotted, short (``127.1``), decimal, octal or hexadecimal, with trailing dots; IPv6 may have
    brackets and a zone. ``localhost`` and its subdomains are 127.0.0.1, as in RFC 6761.
    """
    bare = host.strip("[]").rstrip(".").lower()
    if ":" in bare:
        try:
            return IPv6Address(bare.partition("%")[0])
        except AddressValueError:
            return None
    if bare == "localhost" or bare.endswith(".localhost"):
        return IPv4Address("127.0.0.1")
    return _ipv4(bare.split("."))


def is_numeric(host: str) -> bool:
    """Report whether the last label of ``host`` is a number, in which case it can't be a name."""
    last = host.rstrip(".").rpartition(".")[2]
    return bool(re.fullmatch(r"[0-9]+|0[xX][0-9a-fA-F]*", last))


def _ipv4(parts: list[str]) -> IPv4Address | None:
    numbers = [_number(part) for part in parts]
    if len(parts) > 4 or None in numbers:
        return None
    value = 0
    for number in numbers[:-1]:
        if number is None or number > 255:
            return None
        value = value << 8 | number
    last, width = numbers[-1], 8 * (5 - len(parts))
    if last is None or last >= 1 << width:
        return None
    return IPv4Address(value << width | last)


def _number(text: str) -> int | None:
    """Parse a part of an address as C does: ``0x7f``, ``0177`` and ``127`` are equal."""
    if re.fullmatch(r"0[xX][0-9a-fA-F]{0,16}", text):
        return int(text[2:] or "0", 16)
    if re.fullmatch(r"0[0-7]{0,24}", text):
        return int(text, 8)
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,18}", text) else None
