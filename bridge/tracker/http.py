"""HTTP to TrackerRMS: sends one request, returns one answer, and translates foreign exceptions."""

import io
import socket
import ssl
from collections.abc import Callable, Mapping

import aiohttp
from msgspec import Struct

from bridge.tracker import charsets, html_texts
from bridge.tracker.errors import AnswerTooLarge, Unreachable
from bridge.tracker.retry_policy import RetryPolicy

_CHUNK_BYTES = 1 << 16
_LARGE_BYTES = 1 << 16
_MARK = b"\xef\xbb\xbf"
_PAGE = (b"<!doctype", b"<html")


class NotSent(Unreachable):
    """No connection could be made: the request was not sent, so repeating it is safe."""


class NameUnknown(NotSent):
    """The host's name does not resolve."""


class HttpResponse(Struct, frozen=True, kw_only=True):
    """A complete answer. ``headers`` are case-insensitive.

    ``charset``: the configured one, which overrides the declared one. ``html_texts``: texts are HTML-escaped.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    charset: str | None = None
    html_texts: bool = False

    @property
    def utf8(self) -> bytes:
        """Return the body as UTF-8, by the configured or declared charset, with HTML-escaped texts unescaped.
        Raises ``BadJson``."""
        body = charsets.as_utf8(self.body, self.headers.get("Content-Type", ""), self.charset)
        return html_texts.unescaped(body) if self.html_texts else body

    @property
    def is_html(self) -> bool:
        """Return true if the answer is a web page, whatever its content type."""
        begins = self.body[:64].removeprefix(_MARK).lstrip()[:9].lower()
        return "html" in self.headers.get("Content-Type", "").lower() or begins.startswith(_PAGE)


class Sent(Struct, frozen=True, kw_only=True):
    """A request to an account, without the headers, which hold its credentials."""

    method: str
    url: str
    body: bytes | None
    params: Mapping[str, str] | None


Observe = Callable[[Sent, HttpResponse], None]
"""Called with every request and its answer; must not raise."""


class HttpSession:
    """A connection pool. ``send`` never retries. ``observe`` is called for every answer."""

    def __init__(
        self, patience: RetryPolicy, charset: str | None = None, observe: Observe | None = None
    ) -> None:
        self._patience = patience
        self._charset = charset
        self.html_texts = False
        """True if the texts of answers are HTML-escaped."""
        self._observe = observe
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        params: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        """Send one request. Raises ``NotSent``, ``Unreachable`` (sent, but without a complete answer) or
        ``AnswerTooLarge``."""
        where = f"{method} {url}"
        # aiohttp writes bytes in one piece, which blocks the loop if they are many.
        data = io.BytesIO(body) if body is not None and len(body) > _LARGE_BYTES else body
        try:
            async with self._open().request(
                method, url, headers=dict(headers), data=data, params=params, allow_redirects=False
            ) as response:
                answer = HttpResponse(
                    status=response.status,
                    headers=response.headers.copy(),
                    body=await self._read(response, where),
                    charset=self._charset,
                    html_texts=self.html_texts,
                )
        except aiohttp.ClientConnectorDNSError as error:
            raise NameUnknown(f"{where}: the host's name does not resolve") from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, ssl.SSLError) as error:
            raise NotSent(f"{where}: can't connect ({type(error).__name__})") from error
        except TimeoutError as error:
            raise Unreachable(f"{where}: no answer within {self._patience.attempt_seconds:g} s") from error
        except (aiohttp.ClientError, socket.gaierror, OSError) as error:
            raise Unreachable(f"{where}: the connection broke ({type(error).__name__})") from error
        if self._observe is not None:
            self._observe(Sent(method=method, url=url, body=body, params=params), answer)
        return answer

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(
                total=self._patience.attempt_seconds, sock_connect=self._patience.connect_seconds
            )
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    async def _read(self, response: aiohttp.ClientResponse, where: str) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            size += len(chunk)
            if size > self._patience.body_limit_bytes:
                limit = self._patience.body_limit_bytes
                raise AnswerTooLarge(f"{where}: the answer has more than {limit} bytes", response.status)
            parts.append(chunk)
        return b"".join(parts)
