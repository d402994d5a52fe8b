"""Signatures: the vectors of Standard Webhooks, and what a header may look like."""

from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from bridge.webhooks.signing import BadSecret, SignatureVersion, Signer, SigningKey

V1 = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
V2 = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
V3 = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'


def header(keys: list[SigningKey], event_id: str = ID, at: float = AT, body: bytes = BODY) -> str:
    headers = Signer(keys).headers(event_id, body, datetime.fromtimestamp(at, UTC))
    assert headers["webhook-id"] == event_id
    assert headers["webhook-timestamp"] == str(int(at))
    return headers["webhook-signature"]


def key(secret: str, kind: SignatureVersion = "v1", ends_in: float | None = None) -> SigningKey:
    end = None if ends_in is None else datetime.fromtimestamp(AT, UTC) + timedelta(seconds=ends_in)
    return SigningKey(kind=kind, secret=secret, expires_at=end)


def test_the_first_vector() -> None:
    assert header([key(V1)]) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_second_vector() -> None:
    found = header(
        [key(V2)],
        "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        1649367553,
        b'{"email":"test@example.com","username":"test_user"}',
    )
    assert found == "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="


def test_the_vector_of_ed25519() -> None:
    assert header([key(V3, "v1a")]) == (
        "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
    )


def test_every_live_secret_signs_with_one_space_between() -> None:
    tokens = header([key(V1), key(V2, ends_in=1), key(V3, "v1a")])
    assert [token.partition(",")[0] for token in tokens.split(" ")] == ["v1", "v1", "v1a"]
    assert tokens == tokens.strip()


def test_a_secret_signs_until_its_end_and_not_beyond() -> None:
    assert header([key(V1), key(V2, ends_in=0)]) == header([key(V1)])
    assert header([key(V1), key(V2, ends_in=0.001)]) != header([key(V1)])


def test_the_timestamp_is_that_of_the_attempt_in_whole_seconds() -> None:
    assert header([key(V1)], at=AT + 0.999) == header([key(V1)])


def test_what_is_signed_verifies_with_the_libraries_of_others() -> None:
    now = datetime.now(UTC)
    body = '{"name": "Ärztin €"}'.encode()
    headers = Signer([key(V1)]).headers(ID, body, now)
    assert Webhook(V1).verify(body, headers) == {"name": "Ärztin €"}


def test_without_a_live_secret_nothing_is_sent_unsigned() -> None:
    with pytest.raises(BadSecret):
        header([key(V1, ends_in=-1)])


@pytest.mark.parametrize(
    ("secret", "kind"),
    [("whsec_", "v1"), ("whsec_%%%", "v1"), (V3, "v1"), (V1, "v1a"), ("whsk_AAAA", "v1a"), ("", "v1")],
)
def test_what_is_no_secret_is_refused_without_being_shown(secret: str, kind: SignatureVersion) -> None:
    with pytest.raises(BadSecret) as refusal:
        Signer([key(secret, kind)])
    assert len(secret) < 8 or secret[7:] not in str(refusal.value)


def test_base64_without_padding_will_do() -> None:
    assert header([key("whsec_" + "YWJj" * 8 + "YQ")]) == header([key("whsec_" + "YWJj" * 8 + "YQ==")])
