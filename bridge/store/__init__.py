"""The store: PostgreSQL, the only place where the bridge keeps state.

Import modules, not names: ``outbox.append(tx, …)``. A function that takes ``tx`` runs in the caller's
transaction (``async with db.transaction() as tx``); one that takes ``db`` opens its own.
"""
