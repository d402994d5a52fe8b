"""Converts country names to ISO 3166-1 alpha-2 and back, with pycountry and common other names."""

from functools import cache
from typing import Any

import pycountry

_ALSO = {
    "uk": "GB",
    "u.k.": "GB",
    "great britain": "GB",
    "britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "u.s.": "US",
    "u.s.a.": "US",
    "america": "US",
    "republic of ireland": "IE",
    "eire": "IE",
    "holland": "NL",
    "the netherlands": "NL",
    "uae": "AE",
    "south korea": "KR",
    "north korea": "KP",
    "russia": "RU",
    "ivory coast": "CI",
    "cape verde": "CV",
    "czech republic": "CZ",
    "macedonia": "MK",
    "swaziland": "SZ",
    "turkey": "TR",
}


def alpha_2(name: str) -> str | None:
    """Return the two-letter code for a country's name or code, in any case; ``None`` if it is unknown."""
    return _codes().get(name.strip().casefold())


def english_name(code: str) -> str | None:
    """Return a country's common English name, which ``alpha_2`` maps back to the code; ``None`` for an
    unknown code."""
    country = pycountry.countries.get(alpha_2=code.strip().upper())
    return None if country is None else str(getattr(country, "common_name", country.name))


@cache
def _codes() -> dict[str, str]:
    codes: dict[str, str] = {}
    for country in pycountry.countries:
        for name in _names(country):
            codes.setdefault(name.casefold(), country.alpha_2)
    return codes | _ALSO


def _names(country: Any) -> list[str]:
    found = [country.alpha_2, country.alpha_3, country.name]
    found += [getattr(country, key) for key in ("common_name", "official_name") if hasattr(country, key)]
    return found
