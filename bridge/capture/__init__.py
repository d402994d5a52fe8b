"""Capture: TrackerRMS becomes created, updated and deleted events."""
