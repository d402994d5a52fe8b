"""Pages of a scan that are read and not committed yet: what the steps of one list hand on to each other."""

from pyroaring import BitMap64

from bridge.capture.list_read import ListRead
from bridge.capture.page_parts import complete_before, in_parts, parts_without
from bridge.capture.page_run import Run
from bridge.capture.record_reader import Batch
from bridge.store.scans import Scan, ScanProgress
from bridge.tracker.pages import Page


class ReadAhead:
    """The pages from ``next_page`` on of one list of one scan, as far as they are read.

    ``note`` says how many of them a step observed; ``last``, ``seen`` and ``ghosts`` are of the pages that
    were observed to their end since the ledger was told last; ``ends``: the list's last page is among them.
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
        """Whether these are the pages that the ledger calls next."""
        return (scan.id, scan.segment, scan.next_page) == (self._scan_id, self._segment, self._next_page)

    def hold(self, run: Run) -> None:
        """Take the pages just read."""
        self._run = run
        self.parts = in_parts(run.pages)

    def pass_over(self, row_ids: BitMap64) -> None:
        """Leave out rows that were read since: what these pages say of them is older."""
        self.parts, found = parts_without(self.parts, row_ids)
        self.seen |= found

    def note(self, batch: Batch) -> None:
        """The first of the pages were observed."""
        run = self._run
        if run is None:
            raise AssertionError("pages are held before they are observed")
        self.seen |= batch.seen
        self.ghosts += batch.ghosts
        self.total_count = run.total_count
        if batch.pages < len(self.parts):
            self.last = max(self.last, complete_before(self.parts, batch.pages))
        else:
            self.last, self.ends, self.flaw = run.last, run.done, run.flaw
        self.parts = self.parts[batch.pages :]

    def committed(self, progress: ScanProgress | None) -> None:
        """The ledger was told."""
        if progress is not None:
            self._next_page = progress.next_page
            self.seen, self.ghosts = BitMap64(), 0
