"""Commands: read from Kafka, carried out in TrackerRMS once, answered on Kafka."""
