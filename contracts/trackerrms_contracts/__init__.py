"""The messages of TrackerRMS Bridge: entities, events, commands, topics and ids.

Importing this package needs only msgspec and the standard library; it does no I/O.
"""
