"""The HTTP API: endpoints, deliveries and recoveries for token holders, and health checks without a token."""
