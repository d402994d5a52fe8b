"""Whatever names, redirects and the environment say, no connection is made to a refused address.

127.0.0.2 stands for a public address: it is allowed, so that these tests stay on one machine. 127.0.0.1 is
not, and a canary there counts who comes.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridge.config import OutboundConfig
from bridge.outbound import CallFailure, Downloaded, Outbound, PostResponse, connector
from bridge.outbound.connector import ConnectionLimits, NotPublic, SystemLookup
from bridge.outbound.errors import AddressRefused, HostUnreachable, Redirected
from tests.flow.outbound_peers import OK, Peer, answering, keeping_alive, names, peer

pytestmark = pytest.mark.timeout(20)

CONFIG = OutboundConfig(allow_http=True, allow_networks=("127.0.0.2/32",))


@pytest.fixture
async def good() -> AsyncIterator[Peer]:
    """A server at the address that may be called; each connection serves one request."""
    async with peer(answering(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))) as made:
        yield made


@pytest.fixture
async def canary(good: Peer) -> AsyncIterator[Peer]:
    """A server at the same port of an address that may not."""
    async with peer(keeping_alive(), host="127.0.0.1", port=good.port) as made:
        yield made


async def fetched(url: str, **more: Any) -> Downloaded | Exception:
    """A download by a client of its own, which remembers no name."""
    async with Outbound(CONFIG, **more) as outbound:
        try:
            return await outbound.download(url, max_bytes=1000, deadline_seconds=10)
        except Exception as error:  # noqa: BLE001
            return error


async def test_a_name_that_changes_its_address_never_leads_to_a_refused_one(good: Peer, canary: Peer) -> None:
    flipping = [["127.0.0.2"], ["127.0.0.1"]] * 10
    async with names(rebinding=flipping) as dns:
        url = f"http://rebinding.test:{good.port}/"
        outcomes = [type(await fetched(url, lookup=dns.lookup)) for _ in range(20)]
    assert outcomes == [Downloaded, AddressRefused] * 10
    assert (good.connections, canary.connections) == (10, 0)


async def test_a_name_is_looked_up_once_for_a_connection(good: Peer, canary: Peer) -> None:
    async with names(rebinding=[["127.0.0.2"], ["127.0.0.1"]]) as dns:
        assert isinstance(await fetched(f"http://rebinding.test:{good.port}/", lookup=dns.lookup), Downloaded)
        assert dns.asked["rebinding.test"] == 2  # A and AAAA
    assert canary.connections == 0


@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1", "127.0.0.2"],
        ["127.0.0.2", "127.0.0.1"],
        ["::1", "10.0.0.1", "169.254.169.254", "127.0.0.2", "::ffff:127.0.0.1"],
    ],
)
async def test_of_mixed_answers_only_good_ones_are_tried(good: Peer, canary: Peer, answer: list[str]) -> None:
    async with names(mixed=[answer]) as dns:
        assert isinstance(await fetched(f"http://mixed.test:{good.port}/", lookup=dns.lookup), Downloaded)
    assert (good.connections, canary.connections) == (1, 0)


async def test_a_good_address_that_is_down_makes_no_bad_one_better() -> None:
    async with (
        peer(keeping_alive(), host="127.0.0.1") as canary,  # and nothing at 127.0.0.2
        names(mixed=[["127.0.0.1", "127.0.0.2"]]) as dns,
    ):
        outcome = await fetched(f"http://mixed.test:{canary.port}/", lookup=dns.lookup)
    assert isinstance(outcome, HostUnreachable)
    assert (outcome.kind, canary.connections) == ("connection_refused", 0)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (["127.0.0.1"], "loopback"),
        (["::1"], "loopback"),
        (["10.1.2.3", "192.168.0.1"], "private"),
        (["169.254.169.254"], "cloud metadata"),
        (["::ffff:127.0.0.1"], "IPv4-mapped"),
        (["64:ff9b::7f00:1"], "NAT64"),
        (["fd00:ec2::254"], "cloud metadata"),
    ],
)
async def test_a_name_with_bad_addresses_alone_is_refused_by_class(answer: list[str], said: str) -> None:
    async with names(bad=[answer]) as dns, Outbound(CONFIG, lookup=dns.lookup) as outbound:
        with pytest.raises(AddressRefused, match=said) as caught:
            await outbound.download("http://bad.test/", max_bytes=1, deadline_seconds=10)
        posted = await outbound.post("http://bad.test/", b"", {}, timeout_seconds=10, max_response_bytes=1)
    assert not any(address in str(caught.value) for address in answer)
    assert isinstance(posted, CallFailure)
    assert posted.kind == "address_refused"


async def test_an_unknown_name_is_dns_trouble() -> None:
    async with names() as dns:
        outcome = await fetched("http://nobody.test/", lookup=dns.lookup)
    assert isinstance(outcome, HostUnreachable)
    assert outcome.kind == "dns_error"


async def test_a_literal_is_refused_before_any_connection(canary: Peer) -> None:
    for host in (
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "①②⑦.⓪.⓪.①",
    ):
        assert isinstance(await fetched(f"http://{host}:{canary.port}/"), AddressRefused)
    assert canary.connections == 0


async def test_the_connector_judges_even_what_nobody_judged_before(canary: Peer) -> None:
    guarded = connector.make(ConnectionLimits(), SystemLookup(), (), connector.trusted())
    async with aiohttp.ClientSession(connector=guarded) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await session.get(f"http://127.0.0.1:{canary.port}/")
    assert isinstance(caught.value.os_error, NotPublic)
    assert canary.connections == 0


async def test_the_machines_own_resolver_is_guarded_too(canary: Peer) -> None:
    lookup = SystemLookup()
    resolver = connector.CheckedResolver(lookup, ())
    for host in ("localhost", "127.1", "0x7f000001"):
        with pytest.raises(NotPublic, match="loopback"):
            await resolver.resolve(host, canary.port)
    lookup.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(canary: Peer, status: int) -> None:
    location = f"http://127.0.0.1:{canary.port}/latest/meta-data/".encode()
    moved = b"HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, location)
    async with peer(keeping_alive(moved)) as elsewhere, Outbound(CONFIG) as outbound:
        url = f"http://127.0.0.2:{elsewhere.port}/"
        with pytest.raises(Redirected):
            await outbound.download(url, max_bytes=1000, deadline_seconds=10)
        posted = await outbound.post(url, b"{}", {}, timeout_seconds=10, max_response_bytes=10)
    assert isinstance(posted, PostResponse)
    assert posted.status == status
    assert canary.connections == 0


async def test_the_environments_proxies_and_netrc_are_not_used(
    good: Peer, canary: Peer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{canary.port}")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.2 login someone password something\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    assert isinstance(await fetched(f"http://127.0.0.2:{good.port}/"), Downloaded)
    assert canary.connections == 0
    assert b"authorization" not in good.requests[0].lower()
