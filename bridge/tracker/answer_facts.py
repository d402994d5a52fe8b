"""Learns the charset of an account's answers."""

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
    """Determine the charset from the first answer of each list, or from an error in decoding one."""
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
        said += ", some declare none"
    if telling:
        # Answers whose bytes contradict the declared charset have been rejected before.
        findings.prove(
            "charset", f"{said}; {telling} of them have letters beyond ASCII, which decode correctly"
        )
    elif None not in declared and answers:
        findings.prove("charset", f"{said}; they have no letter beyond ASCII")
    else:
        findings.leave_open("charset", f"{said}, and have no letter beyond ASCII", "charset")
