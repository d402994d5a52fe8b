"""A second process on one integration's budget: reads candidates by id in the command lane, in bursts.

``python -m tests.soak.rival bridge.toml SECONDS``: what a command consumer in its own process would do.
"""

import asyncio
import random
import sys
import time
from pathlib import Path

from bridge import app, config, log
from bridge.config import Config, LogConfig
from bridge.errors import Transient


async def spend(settings: Config, seconds: float) -> int:
    """Send bursts of up to 40 requests every few seconds; returns how many were sent."""
    sent = 0
    async with (
        app.open_installation(settings) as installed,
        app.client(installed, settings.integrations[0]) as client,
    ):
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            reads = [
                client.detail("candidates", str(random.randrange(1, 20_000)), lane="command")
                for _ in range(random.randint(1, 40))
            ]
            for answer in await asyncio.gather(*reads, return_exceptions=True):
                if isinstance(answer, BaseException) and not isinstance(answer, Transient):
                    raise answer
            sent += len(reads)
            await asyncio.sleep(random.uniform(0, 20))
    return sent


if __name__ == "__main__":
    log.configure_logging(LogConfig(level="error"))
    print("rival sent", asyncio.run(spend(config.load_config(Path(sys.argv[1])), float(sys.argv[2]))))
