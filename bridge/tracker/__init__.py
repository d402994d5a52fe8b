"""The door to TrackerRMS: the only package that knows its paths, field names and behavior."""
