"""The words exchanged with the world: entities, events, commands, topics, ids.

Importing ``contracts`` needs msgspec and the standard library, nothing else; nothing here does I/O.
"""
