"""How a list pages is found out by a few requests, whatever it is."""

from collections.abc import AsyncIterator

import pytest

from bridge.tracker import paging_facts
from bridge.tracker.client import Client
from bridge.tracker.paging_facts import PagingFacts
from bridge.tracker.schema import ResourceName
from tests.accounts.odd_lists import CANDIDATES, USERS, Dialect, OddLists, serving
from tests.flow.tracker_account import account

# 23 candidates, 12 users, 5 applications.
_NAMES: dict[str, ResourceName] = {CANDIDATES: "candidates", USERS: "users"}
_CASES: list[tuple[str, Dialect, tuple[int | None, bool | None, int | None, str]]] = [
    (CANDIDATES, Dialect(), (1, True, 10, "empty")),
    (CANDIDATES, Dialect(envelope="bare", before="refused"), (1, True, 10, "empty")),
    (CANDIDATES, Dialect(envelope="bare", before="empty", end="refused"), (1, True, 10, "refused")),
    (CANDIDATES, Dialect(first=0), (0, True, 10, "empty")),
    (CANDIDATES, Dialect(first=0, envelope="bare", end="repeats_last"), (0, True, 10, "repeats_last")),
    (CANDIDATES, Dialect(always_more=True, end="repeats_last"), (1, True, 10, "repeats_last")),
    (CANDIDATES, Dialect(size=5, always_more=True), (1, True, 5, "empty")),
    (CANDIDATES, Dialect(paged=False), (1, False, None, "unknown")),
    (CANDIDATES, Dialect(paged=False, envelope="bare"), (1, False, None, "unknown")),
    (CANDIDATES, Dialect(key="page"), (1, None, None, "unknown")),
    (CANDIDATES, Dialect(cap=0), (None, None, None, "empty")),
    (USERS, Dialect(size=12, first=0), (0, None, None, "empty")),
    # 1,000,000 is a multiple of 2: the first page of two comes round again.
    (USERS, Dialect(first=0, end="wraps", always_more=True), (0, True, 10, "wraps")),
]


@pytest.fixture
async def odd() -> AsyncIterator[OddLists]:
    async with serving() as made:
        yield made


async def test_a_list_is_found_out_by_at_most_five_requests(
    odd: OddLists, store_url: str, subtests: pytest.Subtests
) -> None:
    async with account(store_url) as here:
        odd.target = here.url
        async with here.client(base_url=odd.url) as client:
            for path, dialect, expected in _CASES:
                with subtests.test(path=path, dialect=dialect):
                    odd.dialects = {path: dialect}
                    odd.asked.clear()
                    found = await paging_facts.find_out(client, _NAMES[path])
                    assert _facts(found) == expected, found
                    assert len([1 for asked, _ in odd.asked if asked == path]) <= 5


def _facts(found: PagingFacts) -> tuple[int | None, bool | None, int | None, str]:
    return (found.first_page, found.paged, found.page_size, found.end)


async def test_a_page_number_that_is_ignored_although_there_are_more_rows_is_said(
    odd: OddLists, store_url: str
) -> None:
    async with account(store_url) as here:
        odd.target, odd.dialects = here.url, {CANDIDATES: Dialect(key="page")}
        async with here.client(base_url=odd.url) as client:
            found = await paging_facts.find_out(client, "candidates")
            assert "counts 23 rows: page_number is not the key" in found.evidence
        async with here.client(base_url=odd.url, tracker={"page_number": "page"}) as client:
            assert (await paging_facts.find_out(client, "candidates")).paged is True


async def test_pages_are_asked_for_as_configured(odd: OddLists, store_url: str) -> None:
    async with account(store_url) as here:
        odd.target, odd.dialects = here.url, {CANDIDATES: Dialect(first=0), USERS: Dialect(paged=False)}
        tracker = {"first_page": 0, "paged": {"users": False}}
        async with here.client(base_url=odd.url, tracker=tracker) as client:
            assert len(await _ids(client, "candidates")) == 23
            assert len(await _ids(client, "users")) == 12
        numbers = [body.get("pageNumber") for path, body in odd.asked if path in (CANDIDATES, USERS)]
        assert numbers == [0, 1, 2, None]


async def _ids(client: Client, name: ResourceName) -> set[str]:
    found: set[str] = set()
    number, more = 1, True
    while more:
        page = await client.pages(name, number=number)
        found |= page.row_ids
        number, more = number + 1, page.has_next
    return found
