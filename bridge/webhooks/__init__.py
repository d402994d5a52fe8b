"""Webhooks: each event of Kafka, signed, to every subscriber that wants it, and what is owed until it is."""
