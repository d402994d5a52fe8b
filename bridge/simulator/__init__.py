"""A simulated TrackerRMS account over HTTP, for the demo, the tests and the benchmarks.

It behaves as others saw the real one behave; what is assumed and not known is marked where it is decided.
It shares nothing with the bridge: neither code nor the reading of docs/assumptions.md.
"""

from bridge.simulator.options import Options
from bridge.simulator.world import World

__all__ = ["Options", "World"]
