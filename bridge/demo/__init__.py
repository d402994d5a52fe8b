"""The demo: a simulated account, the bridge, changes becoming events and commands records, on one screen."""
