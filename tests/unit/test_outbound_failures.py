"""What went wrong at the wire is named in words that hold nothing of the URL."""

import errno
import ssl

import aiohttp
import pytest

from bridge.outbound import calls, connector, downloads
from bridge.outbound.errors import AddressRefused, BadUrl, CallErrorKind, HostUnreachable, HttpsRequired

SECRET = "https://u:s3cret@example.com/"


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (TimeoutError(), "timeout", "too slow"),
        (ssl.SSLError(1, "unknown"), "tls_error", "no secure connection"),
        (aiohttp.InvalidURL(SECRET), "bad_url", "the URL can't be called"),
        (aiohttp.ClientPayloadError(SECRET), "connection_reset", "the response is incomplete"),
        (aiohttp.ServerDisconnectedError(), "connection_reset", "the host closed the connection"),
        (OSError(errno.ECONNREFUSED, SECRET), "connection_refused", "the host refuses connections"),
        (OSError(errno.ECONNABORTED, SECRET), "connection_reset", "the host closed the connection"),
        (OSError(errno.EHOSTUNREACH, SECRET), "unreachable", "the host can't be reached (EHOSTUNREACH)"),
        (OSError(SECRET), "unreachable", "the host can't be reached (no route)"),
        (aiohttp.ClientError(SECRET), "protocol_error", "the exchange failed (ClientError)"),
    ],
)
def test_each_failure_has_a_kind_and_a_reason(error: Exception, kind: CallErrorKind, says: str) -> None:
    assert calls.explained(error)[0] == kind
    assert calls.explained(error)[1].startswith(says)
    assert "s3cret" not in calls.explained(error)[1]


@pytest.mark.parametrize(
    ("kind", "error", "says"),
    [
        ("bad_url", BadUrl, "correct the URL"),
        ("https_required", HttpsRequired, "outbound.allow_http"),
        ("address_refused", AddressRefused, "outbound.allow_networks"),
        ("dns_error", HostUnreachable, "it is so"),
    ],
)
def test_a_download_that_fails_says_what_to_do(
    kind: CallErrorKind, error: type[Exception], says: str
) -> None:
    made = downloads.error(kind, "it is so")
    assert isinstance(made, error)
    assert says in str(made)


@pytest.mark.parametrize("text", ["127.1", "0x7f.0.0.1", "localhost", ""])
def test_what_a_lookup_gives_and_is_no_plain_address_is_refused(text: str) -> None:
    assert connector.text_address_refusal(text, ()) == "not an address"
