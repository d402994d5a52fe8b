"""A simulated TrackerRMS account over HTTP, for the demo, the tests and the benchmarks.

It behaves as others saw the real one behave; assumptions are marked where they are made.

Unknown, and assumed here: where users and statuses are read, and their keys; the rows key of every search
except Opportunity's; created and updated times, address, LinkedIn and second e-mail of a candidate; the note
of a rejection; roles in ``owners[]``; that ``updatedAfter`` is strict and lists the last changed first (other
searches: the newest id); error bodies; that a refused request doesn't count against the limit; the replies to
deleting, shortlisting, moving and attaching; whether the widget API accepts the account's bearer token (a
quirk), and where its checkPerson puts what it found; that deleting a candidate or job deletes its
applications, and that a status in use can't be deleted; the webhooks' payload.

It shares nothing with the bridge, neither code nor the interpretation of docs/assumptions.md. The package
itself imports nothing, because the command line uses parts of it without the extra ``simulator``.
"""
