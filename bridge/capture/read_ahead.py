"""Pages of a scan that were read but not committed, passed from one step of a list to the next."""

from pyroaring import BitMap64

from bridge.capture.list_read import ListRead
from bridge.capture.page_parts import complete_before, in_parts, parts_without
from bridge.capture.page_run import Run
from bridge.capture.record_reader import Batch
from bridge.store.scans import Scan, ScanProgress
from bridge.tracker.pages import Page


class ReadAhead:
    """The pages from ``next_page`` on of one list of one scan, as far as they are read.

    ``note`` records how many of them a step observed. ``last``, ``seen`` and ``ghosts`` cover the completely
    observed pages since the last commit of the ledger. ``ends``: they include the list's last page.
    """

    def __init__(self, scan: Scan, read: ListRead) -> None:
        self.read = read
        self.parts: list[Page] = []
        self.seen = BitMap64()
        self.ghosts = 0
        self.last = scan.next_page - 1
        self.ends = False
        self.flaw: str | None = None
        self.total_count: int | None = None
        self._scan_id, self._segment, self._next_page = scan.id, scan.segment, scan.next_page
        self._run: Run | None = None

    def follows(self, scan: Scan) -> bool:
        """Report whether these are the pages that the ledger names next."""
        return (scan.id, scan.segment, scan.next_page) == (self._scan_id, self._segment, self._next_page)

    def hold(self, run: Run) -> None:
        """Store the pages just read."""
        self._run = run
        self.parts = in_parts(run.pages)

    def pass_over(self, row_ids: BitMap64) -> None:
        """Drop rows that were read again since: these pages have older states of them."""
        self.parts, found = parts_without(self.parts, row_ids)
        self.seen |= found

    def note(self, batch: Batch) -> None:
        """Record that the first of the pages were observed."""
        run = self._run
        if run is None:
            raise AssertionError("observed pages without holding them: call hold first")
        self.seen |= batch.seen
        self.ghosts += batch.ghosts
        self.total_count = run.total_count
        if batch.pages < len(self.parts):
            self.last = max(self.last, complete_before(self.parts, batch.pages))
        else:
            self.last, self.ends, self.flaw = run.last, run.done, run.flaw
        self.parts = self.parts[batch.pages :]

    def committed(self, progress: ScanProgress | None) -> None:
        """Record that the ledger is committed."""
        if progress is not None:
            self._next_page = progress.next_page
            self.seen, self.ghosts = BitMap64(), 0
