"""Mapping of a candidate's input to TrackerRMS's fields, and what has no field there. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from trackerrms_contracts.commands import (
    CandidateInput,
    CreateApplication,
    CreateCandidate,
    SalaryExpectations,
)

from bridge.commands.errors import input_invalid
from bridge.tracker import addresses, amounts, values

NAMES = {
    "first_name": "candidate.first_name",
    "last_name": "candidate.last_name",
    "email": "candidate.email_address",
    "additional_email": "candidate.additional_email_addresses[0]",
    "title": "candidate.title",
    "company": "candidate.company",
    "phone": "candidate.phone_number",
    "additional_phone": "candidate.additional_phone_numbers[0]",
    "linkedin": "candidate.social_links (LinkedIn)",
    "street_1": "candidate.location.street_1",
    "city": "candidate.location.city",
    "state": "candidate.location.state",
    "zip_code": "candidate.location.zip_code",
    "country": "candidate.location.country",
    "source": "source.name",
    "salary_amount": "candidate.salary_expectations.amount",
    "salary_text": "candidate.salary_expectations",
    "note": "the lines in the candidate's note",
    "owner": "sourced_by.user_id",
}
"""The tracker table's names of fields → the caller's names."""
_MONTHS = 12
# An existing candidate keeps these whatever a command says: its source, and the address it was found by.
_NEVER_FILLED = frozenset({"email", "source"})

FieldValue = str | float
Found = Mapping[str, str | float | None]


class CandidateValues(Struct, frozen=True, kw_only=True):
    """A candidate as TrackerRMS stores it. ``fields`` by the names of the tracker's table; ``note``: lines
    for input without a field of its own; ``ignored``: input that TrackerRMS can't store."""

    fields: dict[str, FieldValue]
    note: tuple[str, ...]
    ignored: tuple[str, ...]

    def whole(self) -> dict[str, FieldValue]:
        """Return all fields of a new candidate, including the note."""
        return self.fields | ({"note": "\n".join(self.note)} if self.note else {})

    def missing(self, found: Found, *, made: bool) -> dict[str, FieldValue]:
        """Return what is still to be written. An existing candidate gets values only for its blank fields,
        and lines are added to its note."""
        wanted = {
            name: value
            for name, value in self.fields.items()
            if (not is_same_value(found.get(name), value) if made else _is_fillable(name, found))
        }
        note = self._note(found)
        return wanted if note is None else wanted | {"note": note}

    def kept(self, found: Found) -> list[str]:
        """Return the fields that an existing candidate keeps although the command has another value, by the
        caller's names."""
        return [
            NAMES[name]
            for name, value in self.fields.items()
            if not _is_fillable(name, found) and not is_same_value(found.get(name), value)
        ]

    def unstored(self, found: Found, names: Iterable[str]) -> list[str]:
        """Return those of the fields that TrackerRMS did not store, by the caller's names. A field that can't
        be read back counts as stored."""
        whole = self.whole()
        lost = [
            n
            for n in names
            if n in whole and n in found and n != "note" and not is_same_value(found[n], whole[n])
        ]
        if "note" in names and "note" in found and self._note(found) is not None:
            lost.append("note")
        return [NAMES[name] for name in lost]

    def _note(self, found: Found) -> str | None:
        """Return the note with our lines added; ``None`` if it has them already."""
        there = str(found.get("note") or "")
        lines = [line for line in self.note if line not in there]
        return "\n".join([*([there] if there else []), *lines]) if lines else None


def is_same_value(stored: str | float | None, given: FieldValue) -> bool:
    """Report whether the stored value is the given one: numbers by value, text without case and outer
    space."""
    if isinstance(given, str):
        return isinstance(stored, str) and stored.strip().casefold() == given.strip().casefold()
    return amounts.number(stored) == given


def map_candidate(
    data: CreateCandidate | CreateApplication, *, default_source: str | None, owner: str | None
) -> CandidateValues:
    """Map the person that a command describes. Raises ``Failed`` for invalid input."""
    candidate = data.candidate
    _check(candidate)
    source = (data.source.name if data.source else None) or default_source
    more_mail = [mail.email_address for mail in candidate.additional_email_addresses]
    more_phones = [phone.phone_number for phone in candidate.additional_phone_numbers]
    links = [link.url for link in candidate.social_links]
    linkedin = next((link for link in links if values.linkedin_name(link)), None)
    other_links = [link for link in links if link != linkedin]
    place = candidate.location
    given: dict[str, FieldValue | None] = {
        "first_name": candidate.first_name,
        "last_name": candidate.last_name,
        "email": candidate.email_address.strip(),
        "additional_email": more_mail[0] if more_mail else None,
        "title": candidate.title,
        "company": candidate.company,
        "phone": candidate.phone_number,
        "additional_phone": more_phones[0] if more_phones else None,
        "linkedin": linkedin,
        "street_1": place.street_1 if place else None,
        "city": place.city if place else None,
        "state": place.state if place else None,
        "zip_code": place.zip_code if place else None,
        "country": place.country if place else None,
        "source": source,
        "owner": owner,
        **_salary(candidate.salary_expectations),
    }
    note = [f"Other e-mail: {mail}" for mail in more_mail[1:]]
    note += [f"Other telephone: {phone}" for phone in more_phones[1:]]
    note += [f"Profile: {link}" for link in other_links]
    note += [f"Available from: {candidate.availability_date}"] if candidate.availability_date else []
    return CandidateValues(
        fields={name: value for name, value in given.items() if value is not None and value != ""},
        note=tuple(note),
        ignored=tuple(_ignored(data)),
    )


def _check(candidate: CandidateInput) -> None:
    if not candidate.first_name.strip() and not candidate.last_name.strip():
        raise input_invalid("candidate: first_name or last_name must not be blank")
    if addresses.parse_email(candidate.email_address.strip()) is None:
        raise input_invalid("candidate.email_address: is not an e-mail address")
    for place, more in enumerate(candidate.additional_email_addresses):
        if addresses.parse_email(more.email_address) is None:
            raise input_invalid(f"candidate.additional_email_addresses[{place}]: is not an e-mail address")


def _salary(expected: SalaryExpectations | None) -> dict[str, FieldValue | None]:
    """Return the two fields of TrackerRMS: a number, understood as yearly, and a text, which keeps the
    period."""
    if expected is None:
        return {}
    yearly = expected.amount * (_MONTHS if expected.period == "MONTH" else 1)
    return {"salary_amount": yearly, "salary_text": f"{expected.amount:.15g} a {expected.period.lower()}"}


def _ignored(data: CreateCandidate | CreateApplication) -> Iterator[str]:
    if data.screening_question_answers:
        yield "screening_question_answers: TrackerRMS has no screening questions; the answers were ignored"
    if data.candidate.gender is not None:
        yield "candidate.gender: TrackerRMS has no known field for it; it was ignored"
    if data.gdpr_consent:
        yield "gdpr_consent: TrackerRMS has no known field for it; it was ignored"
    if data.remote_fields:
        yield "remote_fields: none are known for TrackerRMS; they were ignored"
    if data.source is not None and (data.source.unified_key or data.source.id) and not data.source.name:
        yield "source: TrackerRMS takes a name only; unified_key and id were ignored"


def _is_fillable(name: str, found: Found) -> bool:
    return name not in _NEVER_FILLED and values.is_blank_text(found.get(name))
