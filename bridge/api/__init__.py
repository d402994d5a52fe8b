"""The HTTP API: endpoints, deliveries and recoveries for who has a token; health for everybody."""
