"""Shared by the parts of one process: the supervisor, heartbeats, freshness, ports between doors."""
