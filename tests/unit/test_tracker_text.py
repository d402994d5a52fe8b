"""Amounts, e-mail addresses and bytes that people and servers write in many ways: right, or nothing."""

from typing import Any

import pytest

from bridge.tracker import addresses, amounts, charsets
from bridge.tracker.errors import BadJson
from bridge.tracker.pages import BadRow, PageDecoder, Row, decode_leniently
from bridge.tracker.values import WrongType


def test_an_amount_is_the_one_number_it_can_be_or_none(subtests: pytest.Subtests) -> None:
    cases: list[tuple[Any, float | None]] = [
        ("40000", 40000.0),
        ("£40,000", 40000.0),
        ("£40 000 per annum", 40000.0),
        ("40.000,50", 40000.5),
        ("40,000.50", 40000.5),
        ("1 234,56", 1234.56),
        ("1\u00a0234,56", 1234.56),
        ("1\u202f234", 1234.0),
        ("1'234.50", 1234.5),
        ("1.234.567", 1234567.0),
        ("40,5", 40.5),
        ("0.500", 0.5),
        ("1234.567", 1234.567),
        ("USD 1,234,567.89", 1234567.89),
        ("40k", 40000.0),
        ("£40K", 40000.0),
        ("40.5k", 40500.0),
        ("40 kr", 40.0),
        ("12.50", 12.5),
        (" 7 ", 7.0),
        ("-5", -5.0),
        (40000, 40000.0),
        (1.5, 1.5),
        # Doubtful, and never 40.
        ("40.000", None),
        ("€40.000", None),
        ("40.000k", None),
        ("40 kEUR", None),
        ("1.5m", None),
        ("40 lakhs", None),
        ("10%", None),
        ("(40,000)", None),
        ("2026 400", None),
        ("4,00,000", None),
        ("40000-50000", None),
        ("£40-50k", None),
        ("1e999", None),
        ("9" * 5000, None),
        (".5", None),
    ]
    for spelled, amount in cases:
        with subtests.test(spelled=spelled):
            assert amounts.number(spelled) == amount
            assert amounts.is_doubtful_amount(spelled) is (amount is None)
    nothing: list[Any] = ["competitive", "", None, "nan", float("nan"), float("inf"), 10**400]
    for spelled in nothing:
        with subtests.test(spelled=spelled):
            assert amounts.number(spelled) is None
            assert not amounts.is_doubtful_amount(spelled)
    assert (amounts.number("40.000", ","), amounts.number("40,000", ",")) == (40000.0, 40.0)
    assert (amounts.number("40.000", "."), amounts.number("40,50", ".")) == (40.0, None)


@pytest.mark.parametrize("wrong", [True, [], {}])
def test_what_can_be_no_number_is_refused_by_its_type(wrong: Any) -> None:
    with pytest.raises(WrongType, match="expected a number"):
        amounts.number(wrong)


def test_an_email_field_gives_its_addresses_and_tells_what_it_lost(subtests: pytest.Subtests) -> None:
    grace = ("grace@example.org",)
    cases: list[tuple[str | None, tuple[str, ...], bool]] = [
        ("grace@example.org", grace, True),
        ("grace@example.org ", grace, True),
        ("grace@example.org\u00a0", grace, True),
        ("\ufeffgrace@example.org\u200b\r\n", grace, True),
        ("gr\u200bace@example.org", grace, True),
        ("mailto:grace@example.org?subject=Hi", grace, True),
        ("Grace <grace@example.org>", grace, True),
        ('"Hopper, Grace" <MAILTO:grace@EXAMPLE.org>', grace, True),
        ("grace@example.org; ada@example.org", (*grace, "ada@example.org"), True),
        ("grace@example.org,ada@example.org,grace@example.org", (*grace, "ada@example.org"), True),
        ("grace@example.org ada@example.org", (*grace, "ada@example.org"), True),
        ("jörg@example.org", ("jörg@example.org",), True),
        ("jo\u0308rg@example.org", ("jo\u0308rg@example.org",), True),
        ("grace@MÜLLER.example", ("grace@müller.example",), True),
        ("grace@xn--mller-kva.example", ("grace@xn--mller-kva.example",), True),
        ("почта@пример.рф", ("почта@пример.рф",), True),
        ("Ann.O'Lee+x@sub.Agency.TEST", ("Ann.O'Lee+x@sub.agency.test",), True),
        ("grace@example.org; n/a@", grace, False),
        # Half of a longer address would be somebody else's.
        ("ann lee@agency.test", (), False),
        ("sales/uk@agency.test", (), False),
        ("a&b@agency.test", (), False),
        ("ann@agency", (), False),
        (".ann@agency.test", (), False),
        ("ann..lee@agency.test", (), False),
        ("a" * 400 + "@agency.test", (), False),
        ("none", (), False),
        (None, (), True),
    ]
    for spelled, found, whole in cases:
        with subtests.test(spelled=spelled):
            assert addresses.emails(spelled) == addresses.Addresses(found=found, whole=whole)
    assert addresses.parse_email("ann@agency.test\n") is None


NAME = '{"name":"Zoë Müller – £"}'
WIDE = [(f"application/json; charset={name}", NAME.encode(name)) for name in ("utf-16-le", "utf-16-be")]
JSON = "application/json"


def test_a_body_is_decoded_by_its_mark_its_charset_or_as_utf8(subtests: pytest.Subtests) -> None:
    cases = [
        (JSON, NAME.encode()),
        (f"{JSON}; charset=utf-8", NAME.encode()),
        (JSON, NAME.encode("utf-8-sig")),
        (f"{JSON}; charset=ISO-8859-1", NAME.encode("cp1252")),
        (f'{JSON}; charset="windows-1252"', NAME.encode("cp1252")),
        (f"{JSON}; charset=utf-16", NAME.encode("utf-16")),
        (f"{JSON}; charset=utf-16", NAME.encode("utf-16-be")),
        (f"{JSON}; charset=utf-8", NAME.encode("utf-16")),  # the mark counts first
        (JSON, NAME.encode("utf-16-le")),
        (JSON, NAME.encode("utf-32")),
        *WIDE,
    ]
    for content_type, body in cases:
        with subtests.test(content_type=content_type, body=body):
            assert charsets.as_utf8(body, content_type, None) == NAME.encode()
    latin = NAME.encode("cp1252")
    assert charsets.as_utf8(latin, f"{JSON}; charset=utf-8", "windows-1252") == NAME.encode()
    assert charsets.as_utf8(b"\x81", f"{JSON}; charset=latin1", None) == "\x81".encode()


def test_bytes_without_letters_are_refused_with_what_to_set(subtests: pytest.Subtests) -> None:
    cases = [
        (f"{JSON}; charset=windows-1252", b'{"name":"\x81"}', "is not cp1252"),
        (f"{JSON}; charset=ISO-8859-1", NAME.encode(), "declares iso8859-1 but is valid UTF-8"),
        (f"{JSON}; charset=klingon", b"{}", "unknown charset 'klingon'"),
        (f"{JSON}; charset=hex", b"{}", "unknown charset"),
        (f"{JSON}; charset=utf-8", NAME.encode("cp1252"), "bytes that are not UTF-8"),
        (JSON, NAME.encode("cp1252"), "bytes that are not UTF-8"),
    ]
    for content_type, body, message in cases:
        with subtests.test(content_type=content_type), pytest.raises(BadJson, match=message) as refused:
            decode_leniently(charsets.as_utf8(body, content_type, None))
        with subtests.test(content_type=content_type, case="what to set"):
            assert "set charset" in str(refused.value)


def test_one_rows_broken_text_is_that_rows_alone() -> None:
    decoder = PageDecoder("resources", ("resourceId",), "candidate id")
    page = decoder.decode(b'{"resources":[{"resourceId":1,"surname":"M\xfcller"},{"resourceId":2}]}', 1)
    assert [row.remote_id for row in page.rows if isinstance(row, Row)] == ["2"]
    (bad,) = page.bad_rows
    assert isinstance(bad, BadRow)
    assert "set charset" in bad.reason
