"""Webhooks: deliver each Kafka event, signed, to every subscriber that wants it; retry failed deliveries."""
