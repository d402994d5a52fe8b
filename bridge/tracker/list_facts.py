"""Learns how each list of an account is paged."""

from collections.abc import Mapping

from bridge.tracker import paging_facts
from bridge.tracker.client import Client
from bridge.tracker.findings import Findings
from bridge.tracker.pages import Page
from bridge.tracker.paging_facts import PagingFacts
from bridge.tracker.schema import ResourceName


async def learn_paging(
    client: Client, findings: Findings, name: ResourceName, state: str | None, known: Mapping[int, Page]
) -> None:
    """Learn how one list is paged. ``known`` holds pages of it by number. Raises what the client raises."""
    if not client.settings[name].paged:
        findings.prove(f"paged.{name}", "read as one page")
        _one_page(findings, name)
        return
    facts = await paging_facts.find_out(client, name, state, known)
    _first_page(client, findings, name, facts)
    key = f"paged.{name}"
    if facts.paged is False:
        findings.adopt(key, facts.evidence, key, False)
        _one_page(findings, name)
    elif facts.paged:
        findings.prove(key, facts.evidence)
    else:
        findings.leave_open(key, facts.evidence, key)
    _page_number(findings, name, facts)
    if facts.end != "unknown" and facts.end != client.settings[name].list_end:
        findings.adopt(f"list_end.{name}", facts.evidence, f"list_end.{name}", facts.end)
    elif facts.end != "unknown":
        findings.prove(f"list_end.{name}", facts.evidence)
    if facts.page_size is not None and facts.page_size != client.settings.page_size:
        findings.adopt("page_size", facts.evidence, "page_size", facts.page_size)
    elif facts.page_size is not None:
        findings.prove("page_size", facts.evidence)


def _first_page(client: Client, findings: Findings, name: ResourceName, facts: PagingFacts) -> None:
    if facts.first_page is None:
        return
    if facts.first_page != client.settings.first_page:
        evidence = f"{name}: {facts.evidence}"
        findings.adopt("first_page", evidence, "first_page", facts.first_page)
    elif not findings.has("first_page"):
        findings.prove("first_page", f"{name}: {facts.evidence}")


def _page_number(findings: Findings, name: ResourceName, facts: PagingFacts) -> None:
    if facts.ignores_number:
        findings.ask("page_number", f"{name}: {facts.evidence}", "page_number")
    elif facts.paged and not findings.has("page_number"):
        findings.prove("page_number", f"{name}: {facts.evidence}")


def _one_page(findings: Findings, name: ResourceName) -> None:
    findings.prove(f"list_end.{name}", "there is one page, and no request for another")
