"""The other side, at the wire: servers that answer as they are told, a DNS server, certificates."""

import asyncio
import contextlib
import datetime
import ipaddress
import socket
import ssl
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Handler = Callable[["Peer", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """A server that counts its connections and keeps the heads and bodies of requests."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.requests: list[bytes] = []

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        """The next request, whole; ``IncompleteReadError`` where the client has gone."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        self.requests.append(head + await reader.readexactly(length))
        return self.requests[-1]


@contextlib.asynccontextmanager
async def peer(
    handler: Handler, *, host: str = "127.0.0.2", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Peer]:
    """A server whose connections ``handler`` serves; what it leaves open is closed with it."""
    made, tasks = Peer(), set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await handler(made, reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, host, port, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answering(*answers: bytes) -> Handler:
    """Each request of a connection gets the next answer; after the last, the connection is closed."""

    async def handler(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await made.request(reader)
            writer.write(answer)
            await writer.drain()

    return handler


def keeping_alive(answer: bytes = OK) -> Handler:
    """The same answer to every request, on one connection."""

    async def handler(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await made.request(reader)
            writer.write(answer)

    return handler


def then_silence(beginning: bytes) -> Handler:
    """Says ``beginning`` and no more, until the client goes."""

    async def handler(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made.request(reader)
        writer.write(beginning)
        await reader.read()

    return handler


def dripping(beginning: bytes, drop: bytes) -> Handler:
    """Says ``beginning``, then a drop at a time, for ever."""

    async def handler(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made.request(reader)
        writer.write(beginning)
        while not writer.is_closing():
            writer.write(drop)
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(), 0.02)  # until the client goes, or the next drop is due
                return

    return handler


def pouring(beginning: bytes, bucket: bytes) -> Handler:
    """Says ``beginning``, then as much as the client takes, for ever."""

    async def handler(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made.request(reader)
        writer.write(beginning)
        while not writer.is_closing():
            writer.write(bucket)
            await writer.drain()

    return handler


def cutting(beginning: bytes) -> Handler:
    """Says ``beginning`` and resets the connection."""

    async def handler(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made.request(reader)
        writer.write(beginning)
        await writer.drain()
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return handler


# --- DNS --------------------------------------------------------------------------------------------------


class Names(asyncio.DatagramProtocol):
    """A DNS server over UDP. Each name has a list of answers, taken in turn, of which the last stays."""

    def __init__(self, zone: dict[str, list[list[str]]]) -> None:
        self.zone = zone
        self.asked: Counter[str] = Counter()
        self.address = ("", 0)
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.address = transport.get_extra_info("sockname")

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += 1 + data[at]
        name, question = ".".join(labels), data[12 : at + 5]
        found = [packed for text in self._answer(name) if (packed := _record(text, question[-4:-2]))]
        head = data[:2] + struct.pack(">HHHHH", 0x8180 if name in self.zone else 0x8183, 1, len(found), 0, 0)
        assert self._transport is not None
        self._transport.sendto(head + question + b"".join(found), addr)

    def _answer(self, name: str) -> list[str]:
        # One look-up asks twice, for A and for AAAA: both are of the same answer.
        self.asked[name] += 1
        answers = self.zone.get(name, [[]])
        return answers[min((self.asked[name] - 1) // 2, len(answers) - 1)]

    async def lookup(self, host: str) -> Sequence[str]:
        """What a resolver does: ask over UDP, here this server. Raises ``OSError`` for an unknown name."""
        found = [text for kind in (1, 28) for text in await self._query(host, kind)]
        if not found:
            raise OSError("no such name")
        return found

    async def _query(self, host: str, kind: int) -> list[str]:
        loop = asyncio.get_running_loop()
        labels = b"".join(bytes([len(label)]) + label.encode() for label in host.split("."))
        query = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, self.address)
            await loop.sock_sendall(sock, query)
            answer = await loop.sock_recv(sock, 4096)
        return _addresses(answer, len(query), kind)


def _record(text: str, kind: bytes) -> bytes:
    packed = ipaddress.ip_address(text).packed
    wanted = b"\0\x01" if len(packed) == 4 else b"\0\x1c"
    return b"\xc0\x0c" + kind + struct.pack(">HIH", 1, 0, len(packed)) + packed if kind == wanted else b""


def _addresses(answer: bytes, at: int, kind: int) -> list[str]:
    (count,), size = struct.unpack(">H", answer[6:8]), 4 if kind == 1 else 16
    records = [answer[at + i * (12 + size) :][: 12 + size] for i in range(count)]
    return [str(ipaddress.ip_address(record[12:])) for record in records]


@contextlib.asynccontextmanager
async def names(**zone: list[list[str]]) -> AsyncIterator[Names]:
    """A DNS server for ``zone``: ``rebinding=[["127.0.0.2"], ["127.0.0.1"]]`` answers for rebinding.test."""
    served = {f"{label}.test": answers for label, answers in zone.items()}
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Names(served), ("127.0.0.1", 0)
    )
    try:
        yield protocol
    finally:
        transport.close()


# --- certificates -----------------------------------------------------------------------------------------


class Authority:
    """Signs certificates for servers of tests."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Authority of the tests")])
        self._made = (
            _certificate(self._name, self._name, self._key.public_key(), days=1)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def trusting(self) -> ssl.SSLContext:
        """A client's context that trusts this authority."""
        pem = self._made.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def server(self, host: str, *, days: int = 1) -> ssl.SSLContext:
        """A server's context with a certificate for ``host``, expired where ``days`` is negative."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        made = (
            _certificate(subject, self._name, key.public_key(), days=days)
            .add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        path = self._directory / f"{host}{days}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + made.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    end = now + datetime.timedelta(days=days)
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, end) - datetime.timedelta(days=1))
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
