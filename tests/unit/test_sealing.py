import base64
import hmac
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.config import Secret
from bridge.errors import ConfigError, EnvironmentFault
from bridge.sealing import Sealer, development_key

KEY = Secret(base64.b64encode(bytes(range(32))).decode())
OTHER = Secret(base64.b64encode(bytes(32)).decode())


def test_what_is_sealed_opens_and_shows_nothing() -> None:
    sealed = Sealer(KEY).seal("a token", b"very secret")
    assert Sealer(KEY).open("a token", sealed) == b"very secret"
    assert b"secret" not in sealed


def test_sealing_twice_gives_different_bytes() -> None:
    assert Sealer(KEY).seal("p", b"x") != Sealer(KEY).seal("p", b"x")


def test_another_purpose_is_refused() -> None:
    with pytest.raises(EnvironmentFault, match="damaged or was sealed for another purpose"):
        Sealer(KEY).open("q", Sealer(KEY).seal("p", b"x"))


def test_a_changed_byte_is_noticed(subtests: pytest.Subtests) -> None:
    for position in range(5, 18 + 16):
        sealed = bytearray(Sealer(KEY).seal("p", b"x"))
        sealed[position] ^= 1
        with subtests.test(position=position), pytest.raises(EnvironmentFault, match="damaged"):
            Sealer(KEY).open("p", bytes(sealed))


def test_another_key_is_named_by_its_id_and_not_shown() -> None:
    with pytest.raises(EnvironmentFault, match=r"sealing\.key") as raised:
        Sealer(OTHER).open("p", Sealer(KEY).seal("p", b"x"))
    assert Sealer(KEY).key_id in str(raised.value)
    assert KEY.reveal() not in str(raised.value)


def test_a_value_that_was_cut_short_is_refused(subtests: pytest.Subtests) -> None:
    for length in (0, 1, 5, 12, 17, 20):
        with subtests.test(length=length), pytest.raises(EnvironmentFault):
            Sealer(KEY).open("p", Sealer(KEY).seal("p", b"x")[:length])


def test_a_form_of_a_later_version_is_refused_as_such() -> None:
    with pytest.raises(EnvironmentFault, match="this version does not know"):
        Sealer(KEY).open("p", b"\x02" + bytes(40))


@pytest.mark.parametrize("key", ["c2hvcnQ=", "not base64!", "", base64.b64encode(bytes(33)).decode()])
def test_a_key_that_is_none_says_how_to_make_one(key: str) -> None:
    with pytest.raises(ConfigError, match=r"sealing\.key: .*openssl rand -base64 32"):
        Sealer(Secret(key))


def test_the_url_safe_alphabet_without_padding_is_the_same_key() -> None:
    raw = b"\xff\xfb" * 16
    spelled = [base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("=")]
    assert len({Sealer(Secret(key)).key_id for key in spelled}) == 1


def test_subkeys_differ_by_purpose_and_by_key_and_never_change() -> None:
    subkeys = {Sealer(key).subkey(purpose) for key in (KEY, OTHER) for purpose in ("a", "b")}
    assert len(subkeys) == 4
    # RFC 5869 by hand: extract with a salt of zeros, expand by one block.
    extracted = hmac.digest(bytes(32), bytes(range(32)), "sha256")
    assert Sealer(KEY).subkey("a") == hmac.digest(extracted, b"trackerrms-bridge a\x01", "sha256")


def test_the_development_key_is_made_once_private_and_announced(tmp_path: Path) -> None:
    with capture_logs() as lines:
        key = development_key(tmp_path / "data")
        assert development_key(tmp_path / "data") == key
    assert [line["log_level"] for line in lines] == ["warning"]
    assert key.reveal() not in str(lines)
    assert stat.S_IMODE((tmp_path / "data" / "sealing.key").stat().st_mode) == 0o600
    assert Sealer(key)


def test_processes_that_make_the_development_key_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(development_key, [tmp_path] * 32))
    assert len(keys) == 1
    assert os.listdir(tmp_path) == ["sealing.key"]


def test_a_data_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(EnvironmentFault, match="data"):
        development_key(tmp_path / "data")
