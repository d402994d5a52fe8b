"""The door to TrackerRMS: the one place that knows its paths, its field names and its habits."""
