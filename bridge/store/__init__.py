"""The store: PostgreSQL, the one place where the bridge remembers.

Modules are imported, not names: ``outbox.append(tx, …)``. A function that takes ``tx`` runs inside the
caller's transaction (``async with db.transaction() as tx``); one that takes ``db`` opens its own.
"""
