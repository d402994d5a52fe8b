"""Where a list ends, page by page; the account's answers are a function of the page asked for."""

from collections.abc import Callable, Sequence

from pyroaring import BitMap64

from bridge.capture.list_read import ListRead, Paging, usual
from bridge.capture.page_run import PageRun, Run
from bridge.tracker import resources
from bridge.tracker.pages import Page, Row
from bridge.tracker.schema import Resource

_CANDIDATES = resources.DEFAULT["candidates"]
_PAGING = Paging(first_page=1, page_size=10)
Asked = Callable[[int, int], Sequence[int]]
"""Page and how often it was asked for before -> the ids of its rows."""


class Sizes:
    """What is known of the pages of one list."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.vain = 0

    def page_size(self, resource: Resource, *more: int) -> int:
        return usual((*self.seen, *more), 10)

    def note_size(self, resource: Resource, page: Page) -> None:
        self.seen.append(page.row_count)

    def tries_again(self, resource: Resource) -> bool:
        return self.vain < 2

    def tried_again(self, resource: Resource, *, helped: bool) -> None:
        self.vain = 0 if helped else self.vain + 1


async def read(
    answers: Asked, *, total: int | None = None, before: int = 0, grown: Callable[[int], int] = lambda _: 0
) -> tuple[BitMap64, Run, int]:
    """Read a list whole, a page at a time: what was seen, the last run, and how many pages were asked for."""
    listing, sizes = ListRead(_CANDIDATES, _PAGING, before=before), Sizes()
    asked: dict[int, int] = {}

    async def page(number: int) -> Page:
        ids = answers(number, asked.get(number, 0))
        asked[number] = asked.get(number, 0) + 1
        counted = None if total is None else total + grown(sum(asked.values()))
        more = None if counted is None else number * 10 < counted
        return Page(
            rows=tuple(Row(remote_id=str(n), place=place, raw=b"{}") for place, n in enumerate(ids)),
            bad_rows=(),
            number=number,
            total_count=counted,
            page_size=None,
            has_next=bool(ids) if more is None else more,
            says_more=more,
        )

    first, flaw = 1, None
    while True:
        run = await PageRun(sizes, _CANDIDATES, listing, page, incremental=False).run(first, 1)
        flaw = flaw or run.flaw
        if run.done:
            return listing.seen, run, sum(asked.values())
        first = run.last + 1


def rows(count: int, size: int = 10) -> Asked:
    """A list of that many rows."""
    return lambda page, _: range((page - 1) * size, min(page * size, count))


async def test_a_bare_array_ends_with_a_short_page_and_an_empty_one() -> None:
    seen, run, asked = await read(rows(27))
    assert (len(seen), run.flaw, asked) == (27, None, 4)


async def test_one_long_page_does_not_make_the_others_short() -> None:
    def answers(page: int, _: int) -> range:
        return range(20) if page == 1 else range(20 + (page - 2) * 10, min(20 + (page - 1) * 10, 57))

    seen, run, asked = await read(answers)
    assert (len(seen), run.flaw, asked) == (57, None, 6)


async def test_a_page_cut_short_by_a_slip_is_filled_and_one_that_stays_short_proves_nothing() -> None:
    def slips(page: int, before: int) -> Sequence[int]:
        found = rows(55)(page, before)
        return found[:6] if page == 3 and not before else found

    def cut(page: int, before: int) -> Sequence[int]:
        return rows(55)(page, before)[:6] if page == 3 else rows(55)(page, before)

    for total in (None, 55):
        seen, run, _ = await read(slips, total=total)
        assert (len(seen), run.flaw) == (55, None)
        seen, run, _ = await read(cut, total=total)
        assert (len(seen), run.flaw) == (51, "page 3 was cut short: 6 of 10 rows")


async def test_a_page_repeated_by_a_slip_is_passed_over_and_the_list_goes_on() -> None:
    def slips(page: int, before: int) -> Sequence[int]:
        return rows(45)(page - 1 if page == 3 and not before else page, before)

    def moves(page: int, _: int) -> Sequence[int]:
        # Ten rows came in front while page 3 was asked for.
        return rows(45)(page if page < 3 else page - 1, 0)

    for answers in (slips, moves):
        seen, run, _ = await read(answers)
        assert (len(seen), run.broken) == (45, False)


async def test_a_list_to_which_many_rows_come_in_front_meanwhile_is_read_to_its_end() -> None:
    asked = 0

    def grown(so_far: int) -> int:
        return 0 if so_far < 4 else 35

    def answers(page: int, _: int) -> Sequence[int]:
        nonlocal asked
        asked += 1
        newest = 60 + grown(asked)
        return range(newest - (page - 1) * 10, max(0, newest - page * 10), -1)

    seen, run, _ = await read(answers, total=60, grown=grown)
    assert not run.broken
    assert set(range(1, 61)) <= set(seen)


async def test_a_list_without_an_end_ends_with_what_to_set() -> None:
    def repeats(page: int, _: int) -> Sequence[int]:
        return rows(30)(min(page, 3), 0)

    def wraps(page: int, _: int) -> Sequence[int]:
        return rows(30)((page - 1) % 3 + 1, 0)

    cases: list[tuple[Asked, str]] = [
        (lambda *_: range(10), "page 2 repeats page 1"),
        (lambda *_: range(10), "set paged.candidates = false"),
        (repeats, "page 4 repeats page 3 and says that there is more: if that is how the list ends, "),
        (wraps, "page 4 is page 1 again"),
        (wraps, 'set list_end.candidates = "wraps"'),
        # One new row on every page, for ever.
        (lambda page, _: [*range(9), 10 + page], "the list repeats rows over and over"),
    ]
    for answers, expected in cases:
        _, run, asked = await read(answers)
        assert run.broken
        assert expected in str(run.flaw)
        assert asked < 40


async def test_a_list_is_not_believed_far_beyond_what_it_had_before() -> None:
    _, run, _ = await read(lambda page, _: range(page * 1000, page * 1000 + 1000), before=50)
    assert "the list had 50 rows before and has shown" in str(run.flaw)
