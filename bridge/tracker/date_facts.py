"""Learns how an account writes times: the format, the zone and the precision."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, get_args

from msgspec import Struct

from bridge.json_types import JsonObject
from bridge.tracker import date_formats, presence, zone_facts
from bridge.tracker.client import Client
from bridge.tracker.date_formats import DateFormat, WrittenTime
from bridge.tracker.findings import Findings
from bridge.tracker.schema import FieldPlace, FieldPlaces

_UPDATED = "updated_at"
_FIELDS = (
    *("opened_at", "closed_at", "ended_at", "created_at", _UPDATED),
    *("posting_created_at", "posting_updated_at"),
)
_LOCAL = ("auto", "tenant", "offset")
"""The settings that read digits without a zone as local."""
_CURES = 'set times to "tenant", "utc" or "offset"'


class Samples(Struct, frozen=True, kw_only=True):
    """The values of one resource's time fields, and those of its last update among them."""

    values: Sequence[Any]
    updated: Sequence[Any]


def date_samples(fields: FieldPlaces, rows: Sequence[JsonObject], details: Sequence[JsonObject]) -> Samples:
    """Return the values of every time field."""
    found = {name: values_of(fields.get(name, ()), rows, details) for name in _FIELDS}
    return Samples(values=[value for values in found.values() for value in values], updated=found[_UPDATED])


def values_of(
    reads: Iterable[FieldPlace], rows: Sequence[JsonObject], details: Sequence[JsonObject]
) -> list[Any]:
    """Return the values at some places of records."""
    found: list[Any] = []
    for read in reads:
        records = {"row": rows, "detail": details, "any": [*details, *rows]}[read.source]
        found += [value for record in records if (value := presence.value_at(record, read.path)) is not None]
    return found


def learn_dates(client: Client, findings: Findings, samples: Mapping[str, Samples], now: datetime) -> None:
    """Learn format, zone and precision from the samples of each resource. ``now`` is the server's time."""
    values = [v for found in samples.values() for v in found.values if date_formats.is_dated(v)]
    if not values:
        findings.leave_open("date_format", "no record has a time", "date_format")
        return
    # Values with an unambiguous format are read independent of the setting.
    doubtful = [value for value in values if not date_formats.says_itself(value)]
    fits = date_formats.formats_that_fit(doubtful or values)
    current = client.settings.date_format
    evidence = f"{len(values)} times fit {', '.join(sorted(fits)) or 'no known format'}"
    if doubtful and len(doubtful) < len(values):
        evidence = f"{len(doubtful)} of {evidence}; the rest are unambiguous"
    if fits == {current} or (current in fits and current != "iso") or not (doubtful or fits):
        findings.prove("date_format", evidence)
    elif len(fits) == 1:
        findings.adopt("date_format", evidence, "date_format", next(iter(fits)))
    else:
        findings.ask("date_format", f"{evidence}; known: {', '.join(get_args(DateFormat))}", "date_format")
    wanted = client.settings.date_format
    updated = {name: zone_facts.readable_times(found.updated, wanted) for name, found in samples.items()}
    _Zones(client, findings, [one for times in updated.values() for one in times], now).settle(
        zone_facts.readable_times(values, wanted)
    )
    exact = {
        name: zone_facts.coarseness(times, zone_facts.readable_times(samples[name].values, wanted))
        for name, times in updated.items()
    }
    _precision(client.settings.time_precision, findings, exact)


class _Zones:
    """Learns the zone of times, from midnights and from the newest of the last updates."""

    def __init__(
        self, client: Client, findings: Findings, updated: Sequence[WrittenTime], now: datetime
    ) -> None:
        self._zone = client.zone
        self._times = client.settings.times
        self._findings = findings
        self._now = now
        self._newest = zone_facts.newest_reading(updated, client.zone, now)

    def settle(self, times: Sequence[WrittenTime]) -> None:
        """Learn the key ``times``."""
        named = [one for one in times if one.zone is not None]
        bare = [one for one in times if one.zone is None]
        if not times:
            self._findings.leave_open("times", "no time has digits that show its zone", "times")
        elif zone_facts.is_always_at_utc(self._zone, self._now.year):
            self._findings.prove("times", "the tenant's time zone is UTC, so both readings are the same")
        elif named:
            self._named(named, bare)
        else:
            self._bare(zone_facts.midnights(bare, self._zone))

    def _bare(self, found: zone_facts.Midnights) -> None:
        """Judge times without a zone: they are local, unless their days begin at midnight UTC."""
        said = f"times have no zone; {found}"
        if self._newest is not None:
            other = "local" if self._newest == "utc" else "UTC"
            said += f"; the newest update is in the future if it is {other}"
        signs = {found.reading, self._newest} - {None}
        read_as = "utc" if self._times == "utc" else "tenant"
        if self._findings.is_configured("times") and signs <= {read_as}:
            self._findings.prove("times", f"{said}; read as {self._times}, as configured")
        elif len(signs) > 1 or (signs == {"utc"} and found.reading is None):
            # A wrong time_zone also moves local times into the future.
            self._ask(f"{said}: either they are UTC, or time_zone is wrong", "utc")
        elif found.reading == "utc":
            self._settle(said, "utc", ("utc",))
        elif signs:
            self._settle(said, "tenant", _LOCAL)
        else:
            self._findings.leave_open("times", f"{said}: they are assumed to be local", "times")

    def _named(self, named: Sequence[WrittenTime], bare: Sequence[WrittenTime]) -> None:
        """Judge times with a zone: an offset is reliable, but a ``Z`` may follow local digits."""
        offsets = [one for one in named if _offset(one)]
        if offsets and all(_offset(one) == self._own(one) for one in named):
            self._settle("times have the tenant's own offset from UTC", "offset", _LOCAL)
            return
        if offsets:
            self._settle("times have an offset from UTC", "offset", ("offset",))
            return
        found, others = (zone_facts.midnights(times, self._zone) for times in (named, bare))
        said = f"times have the zone UTC; {found}"
        if found.reading == "utc" and self._newest != "tenant" and not (bare and others.reading is None):
            wanted = "utc" if others.reading == "utc" else "offset"
            self._settle(said, wanted, ("offset", "utc") if not bare else (wanted,))
        elif found.reading == "tenant" and self._newest == "tenant":
            self._settle(f"{said}; as UTC the newest update is in the future", "tenant", ("tenant",))
        elif self._times == "auto" or self._newest not in (None, found.reading):
            self._ask(f"{said}: can't determine if their digits are local or UTC", found.reading)
        else:
            self._findings.prove("times", f"{said}; read as {self._times}")

    def _own(self, one: WrittenTime) -> timedelta | None:
        return one.digits.replace(tzinfo=self._zone).utcoffset()

    def _settle(self, said: str, wanted: str, fitting: tuple[str, ...]) -> None:
        if self._times in fitting:
            self._findings.prove("times", said)
        else:
            self._findings.adopt("times", said, "times", wanted)

    def _ask(self, said: str, value: str | None) -> None:
        self._findings.ask("times", f"{said}; {_CURES}", "times", value)


def _precision(current: str, findings: Findings, found: Mapping[str, str | None]) -> None:
    """Learn the precision of last updates. A coarse one can hide another change within the same minute or
    day."""
    coarse = [name for name, exact in found.items() if exact in ("minute", "day")]
    if findings.is_configured("time_precision"):
        findings.prove(
            "time_precision", f"last updates are read with a precision of one {current}, as configured"
        )
    elif coarse:
        value = "day" if "day" in found.values() else "minute"
        said = (
            f"last updates of {', '.join(coarse)} have a precision of one {value}: changes within it are "
            "detected by the content of records"
        )
        findings.adopt("time_precision", said, "time_precision", value)
    elif "second" in found.values() and current in ("minute", "day"):
        said = "last updates now have a precision of one second"
        findings.adopt("time_precision", said, "time_precision", "second")
    elif "second" in found.values():
        findings.prove("time_precision", "last updates have a precision of one second")
    else:
        findings.leave_open("time_precision", "too few records to determine it", "time_precision")


def _offset(one: WrittenTime) -> timedelta | None:
    return None if one.zone is None else one.digits.replace(tzinfo=one.zone).utcoffset()
