"""Texts that a server writes as HTML does are known by it, and read back."""

import json

import pytest

from bridge.tracker import html_texts


def test_a_body_is_read_back_into_json_that_says_the_same(subtests: pytest.Subtests) -> None:
    cases = [
        ("R&amp;D", "R&D"),
        ("&lt;p&gt;R&amp;amp;D&lt;/p&gt;", "<p>R&amp;D</p>"),
        ("&quot;Jo&quot; O&#39;Brien \\ &#92;", '"Jo" O\'Brien \\ \\'),
        ("caf&eacute; &#x1F600;&#10;", "café 😀\n"),
        ("AT&T; R&D &nosuch; &", "AT&T; R&D &nosuch; &"),
    ]
    for written, meant in cases:
        with subtests.test(written):
            body = json.dumps({"a": written, "n": 1}).encode()
            assert json.loads(html_texts.unescaped(body)) == {"a": meant, "n": 1}


def test_only_texts_that_may_stand_for_others_are_doubtful(subtests: pytest.Subtests) -> None:
    cases = [
        ("name", "R&amp;D", True),
        ("name", "O&#39;Brien", True),
        ("name", "R&D &amp; more", False),
        ("name", "AT&T", False),
        ("name", "Tom", False),
        ("description", "<p>Tom &amp; Ann</p>", False),
        ("description", "Tom &amp; Ann", False),
        ("description", "&lt;p&gt;Tom &amp;amp; Ann&lt;/p&gt;", True),
    ]
    for name, text, doubtful in cases:
        with subtests.test(text, name=name):
            assert html_texts.is_doubtful_text(name, text) is doubtful


def test_signs_are_counted_at_any_depth() -> None:
    records = [{"name": "R&amp;D", "description": "Tom &amp; Ann"}, {"a": [{"b": "x < y"}, "O&#39;Brien"]}]
    assert html_texts.signs(records) == html_texts.Signs(written=2, plain=1)
