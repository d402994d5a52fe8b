"""Webhooks: each event of Kafka, signed, to every subscriber that wants it; what fails is pending."""
