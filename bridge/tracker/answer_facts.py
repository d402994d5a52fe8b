"""Learns what the answers of an account are encoded in."""

from collections.abc import Iterable, Mapping

from bridge.errors import BridgeError
from bridge.tracker import charsets
from bridge.tracker.client import Client
from bridge.tracker.errors import BadCharset
from bridge.tracker.findings import Findings
from bridge.tracker.http import HttpResponse
from bridge.tracker.schema import ResourceName


def learn_answers(
    client: Client,
    findings: Findings,
    answers: Mapping[ResourceName, HttpResponse],
    failures: Iterable[BridgeError],
) -> None:
    """Settle the charset, by the first answer of each list, or by why one could not be decoded."""
    unreadable = [str(error) for error in failures if isinstance(error, BadCharset)]
    if unreadable:
        findings.ask("charset", unreadable[0], "charset")
        return
    configured = client.settings.charset
    if configured is not None:
        findings.prove("charset", f"read as {configured}, as configured")
        return
    declared = {charsets.declared(answer.headers.get("Content-Type", "")) for answer in answers.values()}
    named = ", ".join(sorted(name for name in declared if name is not None))
    telling = sum(not answer.body.isascii() for answer in answers.values())
    said = f"{len(answers)} answers declare {named or 'no charset'}"
    if None in declared and named:
        said += ", some of them none"
    if telling:
        # Answers with other bytes than they declare are refused before.
        findings.prove("charset", f"{said}; letters beyond ASCII are in {telling} of them, and are read so")
    elif None not in declared and answers:
        findings.prove("charset", f"{said}; no letter beyond ASCII is in them")
    else:
        findings.leave_open("charset", f"{said}, and no letter beyond ASCII is in them", "charset")
