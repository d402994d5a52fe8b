"""The receiver's side agrees with the published vectors, and refuses what is not right."""

from datetime import UTC, datetime

import pytest

from bridge.simulator import verifying

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
BODY = b'{"test": 2432232314}'
AT = 1614265330
NOW = datetime.fromtimestamp(AT, UTC)
V1 = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
V1A = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="


def headers(signature: str, timestamp: str = str(AT)) -> dict[str, str]:
    return {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": timestamp,
        "webhook-signature": signature,
    }


@pytest.mark.parametrize(("signature", "secret", "kind"), [(V1, SECRET, "v1"), (V1A, PUBLIC, "v1a")])
def test_the_published_vectors_hold(signature: str, secret: str, kind: str) -> None:
    assert verifying.verify(headers(signature), BODY, [secret], NOW) == kind


def test_one_of_several_signatures_and_secrets_is_enough() -> None:
    other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
    assert verifying.verify(headers(f"v2,abc v1,x {V1}"), BODY, [other, SECRET], NOW) == "v1"


@pytest.mark.parametrize(
    ("given", "body", "secret", "reason"),
    [
        (headers(V1), BODY + b" ", SECRET, "no signature is valid"),
        (headers(V1), BODY, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "no signature is valid"),
        (headers(V1), BODY, PUBLIC, "no signature is valid"),
        (headers(V1A.replace("hnO", "hnP")), BODY, PUBLIC, "no signature is valid"),
        (headers("v1a,AAAA"), BODY, PUBLIC, "no signature is valid"),
        (headers(V1, str(AT - 301)), BODY, SECRET, "301 s off"),
        (headers(V1, str(AT + 301)), BODY, SECRET, "301 s off"),
        (headers(V1, "now"), BODY, SECRET, "not a number of seconds"),
        ({}, BODY, SECRET, "webhook-id is missing"),
        (headers(""), BODY, SECRET, "webhook-signature is missing"),
    ],
)
def test_what_is_not_right_is_named(given: dict[str, str], body: bytes, secret: str, reason: str) -> None:
    with pytest.raises(verifying.Unverified, match=reason):
        verifying.verify(given, body, [secret], NOW)


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_é", "whsk_abcd", "secret", "whpk_AAAA"])
def test_a_secret_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        verifying.check_secret(text)
