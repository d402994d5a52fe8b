"""The demo: runs the bridge on a simulated account and shows changes becoming events and commands taking
effect."""
