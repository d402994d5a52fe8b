"""The state that the handlers share: one world with its quirks, faults, credentials and counters."""

import time
from collections.abc import Callable
from random import Random

from bridge.simulator.calls import CallLimiter, Calls
from bridge.simulator.dialects import DIALECTS, Dialect
from bridge.simulator.dialects.candidate_records import UNSAVED
from bridge.simulator.dialects.dates import CLOCKS
from bridge.simulator.faults import Faults
from bridge.simulator.options import Options
from bridge.simulator.pace import ChangePace
from bridge.simulator.quirks import Quirks
from bridge.simulator.shapes import RecordShapes
from bridge.simulator.speech import Speech
from bridge.simulator.tokens import IssuedTokens
from bridge.simulator.webhooks import TrackerWebhooks
from bridge.simulator.world import World


class Site:
    """A simulated account on the network."""

    def __init__(self, world: World, options: Options, timer: Callable[[], float] = time.monotonic) -> None:
        self.world, self.options, self.timer = world, options, timer
        self.quirks = Quirks(options.quirks_off)
        self.dialect = Dialect(DIALECTS, options.dialect)
        self.faults = Faults()
        self.calls = Calls()
        self.limiter = CallLimiter(options.rate_limit_per_minute)
        self.tokens = IssuedTokens(options, world.clock)
        self.speech = Speech(world, RecordShapes(world, self.quirks), self.dialect, options.shapes)
        self.chance = Random(world.seed)  # noqa: S311 (decides empty bodies and missed pings, repeatably)
        self.webhooks = TrackerWebhooks(self.quirks, self.chance, options.missed_webhook_rate)
        pace = options.changes_per_minute
        self.pace = ChangePace(world.random_change, Random(world.seed + 1), pace)  # noqa: S311
        self.documents: dict[int, list[dict[str, object]]] = {}
        self.lag_seconds = options.index_lag_seconds
        world.listeners.append(self.webhooks.saved)
        self.follow_quirks()
        self.follow_dialect()

    def follow_quirks(self) -> None:
        """Apply the quirks that affect the world."""
        self.world.show_role_names(self.quirks["owner_role_names"])
        self.world.index.set_lag(self.lag_seconds if self.quirks["stale_index"] else 0)

    def follow_dialect(self) -> None:
        """Apply the switches that affect the world: which saves are stamped, and when."""
        self.world.clock_error = CLOCKS[self.dialect["server_clock"]]
        self.world.unstamped = UNSAVED.get(self.dialect["saves"], frozenset())
