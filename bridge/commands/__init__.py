"""Commands: read from Kafka, executed once in TrackerRMS, and answered on Kafka."""
