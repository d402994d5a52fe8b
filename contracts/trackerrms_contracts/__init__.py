"""The words exchanged with the world: entities, events, commands, topics, ids.

Importing ``trackerrms_contracts`` needs msgspec and the standard library only; nothing here does I/O.
"""
