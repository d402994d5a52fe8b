"""Pools of plausible values, built once per seed; records pick from them by arithmetic."""

import random
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from mimesis import Address, Locale, Person

_LOCALES = (
    (Locale.EN_GB, 240),
    (Locale.EN, 160),
    (Locale.DE, 40),
    (Locale.FR, 40),
    (Locale.ES, 40),
    (Locale.PL, 40),
    (Locale.CS, 20),
    (Locale.TR, 20),
    (Locale.JA, 10),
)

ROLES = {
    1: "Account Manager",
    2: "Recruiter",
    3: "Resourcer",
    4: "Hiring Manager",
    5: "Coordinator",
    6: "Delivery Lead",
}

STATUSES = (
    (1, "Longlisted", "Internal"),
    (2, "Applied", "Applied"),
    (3, "Shortlisted", "Shortlisted"),
    (4, "CV Sent", "Internal"),
    (5, "First Interview", "Internal"),
    (6, "Second Interview", "Internal"),
    (7, "Offer Made", "Offer"),
    (8, "On Assignment", "Working"),
    (9, "Placed Direct", "Complete"),
    (10, "Rejected - Not Suitable", "Rejected"),
    (11, "Rejected - Position Filled", "Rejected"),
    (12, "Candidate Withdrew", "Rejected"),
    (13, "Rejected – Salary", "Rejected"),
)

OPPORTUNITY_STATUSES = {
    1: ("Draft", "open"),
    2: ("Open", "open"),
    3: ("Resume Sent", "open"),
    4: ("First Interview", "open"),
    5: ("Offer", "open"),
    6: ("Placed", "won"),
    7: ("Filled", "won"),
    8: ("Lost", "closed"),
    9: ("Covered", "closed"),
    10: ("Archived", "closed"),
}

RESOURCE_STATUSES = {1: "Active", 2: "Inactive", 3: "Pre-Registered", 4: "Do Not Use"}

WORK_TYPES = (
    "Permanent",
    "Contract",
    "Temporary",
    "Contract To Hire",
    "Full Time",
    "Part Time",
    "Seasonal",
    "Internship",
    "Zero Hours",
    "Umbrella – IR35",
)
DEPARTMENTS = {1: "Technology", 2: "Finance", 3: "Healthcare", 4: "Sales", 5: "Engineering", 6: "Legal"}
SECTORS = ("IT & Telecoms", "Banking", "Pharma", "Retail", "Construction", "Legal", "Energy", "")
SOURCES = ("Website", "LinkedIn", "Referral", "Job board", "Website - CV Upload", "Headhunted", "")
CURRENCIES = ("GBP", "GBP", "GBP", "EUR", "USD", "CHF")
SALARY_PERIODS = ("annum", "annum", "annum", "year", "month", "fortnight", "week", "day", "hour", "", "shift")

#: Country names as people type them, with the ISO 3166 code if the name is a country's.
COUNTRIES = {
    "United Kingdom": "GB",
    "Ireland": "IE",
    "Germany": "DE",
    "France": "FR",
    "Spain": "ES",
    "Poland": "PL",
    "Netherlands": "NL",
    "United States": "US",
    "Canada": "CA",
    "Australia": "AU",
    "Italy": "IT",
    "Sweden": "SE",
    "Norway": "NO",
    "Denmark": "DK",
    "Portugal": "PT",
    "India": "IN",
    "Japan": "JP",
    "Brazil": "BR",
    "Switzerland": "CH",
    "Austria": "AT",
    "Belgium": "BE",
}
UNMAPPED_COUNTRIES = ("Channel Isles (other)", "Anywhere in Europe", "Prefer not to say")

_TAGS = (
    *("Python", "Java", "C#", "Go", "React", "AWS", "Azure", "SAP"),
    *("Excel", "CIMA", "ACCA", "Nurse", "RGN", "Theatre", "HGV Class 1", "CSCS"),
    *("PRINCE2", "Agile", "Scrum Master", "Sales", "SaaS", "German speaker", "Français", "Übersetzer"),
    *("VIP", "Hot", "Referred", "Relocate", "Remote only", "Contractor", "Ltd company", "IR35 inside"),
    *("DBS", "SC cleared", "Do not call", "Newsletter", "2026 intake", "Graduate", "Alumni", "Board level"),
)
_SKILLS = (
    *("Python", "Java", "SQL", "Kubernetes", "Welding", "Payroll", "Bookkeeping", "Phlebotomy"),
    *(
        "First Officer",
        "AutoCAD",
        "Negotiation",
        "Cold calling",
        "Typing 60 wpm",
        "French",
        "German",
        "Mandarin",
    ),
    *("Forklift", "Food hygiene", "Line management", "Copywriting"),
)
_TRADES = (
    "Group",
    "Logistics",
    "Software",
    "Care Homes",
    "Foods",
    "Engineering",
    "& Partners",
    "Retail",
    "GmbH",
    "Labs",
)


@dataclass(frozen=True)
class Pools:
    """The pools that a generated record picks from. ``tag_texts`` repeats with the record's rank."""

    first_names: tuple[str, ...]
    surnames: tuple[str, ...]
    job_titles: tuple[str, ...]
    companies: tuple[str, ...]
    places: tuple[tuple[str, str], ...]
    streets: tuple[str, ...]
    tags: tuple[str, ...]
    tag_texts: tuple[str, ...]
    skills: tuple[tuple[int, str], ...]


@lru_cache(maxsize=4096)
def slug(name: str) -> str:
    """Return ``name`` as in an e-mail address: only ASCII letters, never blank."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[^a-z]", "", plain.lower()) or "person"


def tag_text(rng: random.Random, tags: tuple[str, ...]) -> str:
    """Return a ``tagText`` as people type it: sometimes oddly spaced, with blanks and repeats."""
    chosen = rng.sample(tags, rng.choice((0, 1, 1, 2, 2, 3, 5)))
    odd = rng.random()
    if chosen and odd < 0.08:
        return f" {chosen[0]} ,,  {' ,'.join(chosen)} , "
    return ",".join(chosen) if odd < 0.2 else ", ".join(chosen)


def build(seed: int) -> Pools:
    """Return the pools of ``seed``: some 600 names, 400 titles and companies, 200 places, 997 tag texts."""
    rng = random.Random(seed)  # noqa: S311 (test data)
    first_names: list[str] = []
    surnames: list[str] = []
    for locale, count in _LOCALES:
        person = Person(locale, seed=seed)
        first_names += [person.first_name() for _ in range(count)]
        surnames += [person.last_name() for _ in range(count)]
    surnames += [
        "O'Brien",
        "de la Cruz",
        "Smith-Jones",
        "van der Berg",
        "Ng",
        "Łukasiewicz",
        "Ó Súilleabháin",
    ]
    person, address = Person(Locale.EN, seed=seed), Address(Locale.EN_GB, seed=seed)
    tags = tuple(_TAGS)
    return Pools(
        first_names=tuple(first_names),
        surnames=tuple(surnames),
        job_titles=tuple(person.occupation() for _ in range(400)),
        companies=tuple(f"{rng.choice(surnames)} {rng.choice(_TRADES)}" for _ in range(400)),
        places=tuple((address.city(), address.state()) for _ in range(200)),
        streets=tuple(address.street_name() for _ in range(200)),
        tags=tags,
        tag_texts=tuple(tag_text(rng, tags) for _ in range(997)),
        skills=tuple((180 + n, name) for n, name in enumerate(_SKILLS)),
    )
