"""The demo: a simulated account, the bridge, and each change becoming an event, on one screen."""
