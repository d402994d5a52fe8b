"""A relay process that is stopped in the middle of its work, is replaced, and wakes up again."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bridge.config import KafkaConfig
from bridge.store import outbox
from bridge.store.database import Database
from tests.flow.relaying import append, assert_complete_and_in_order, numbers_on_kafka, relaying, with_topic
from tests.waiting import until

_PROGRAM = """
import asyncio, sys
from bridge import kafka, log
from bridge.runtime import supervisor
from bridge.config import KafkaConfig, LogConfig
from bridge.relay import Relay
from bridge.store.database import Database

async def main(url, bootstrap):
    log.configure_logging(LogConfig(format="json"))
    config = KafkaConfig(bootstrap_servers=bootstrap)
    async with await Database.open(url) as db, kafka.Producer(config) as producer:
        relay = Relay(db, producer, batch_size=50, lease_seconds=1)
        return await supervisor.supervise({"relay": relay.run})

sys.exit(asyncio.run(main(*sys.argv[1:])))
"""


@contextmanager
def relay_process(url: str, bootstrap: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _PROGRAM, url, bootstrap]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


async def test_a_relay_that_wakes_up_after_its_lease_was_taken_marks_nothing(
    store_url: str, kafka_bootstrap: str, topic_prefix: str
) -> None:
    config = await with_topic(KafkaConfig(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix))
    async with await Database.open(store_url) as db:
        await append(db, config, range(5_000))

        async def sent(at_least: int) -> bool:
            return sum(p.sent_count for p in await outbox.progress(db)) >= at_least

        with relay_process(store_url, kafka_bootstrap) as paused:
            await until(lambda: sent(100))
            os.kill(paused.pid, signal.SIGSTOP)
            async with relaying(db, config):
                # Longer than PostgreSQL lets a paused transaction keep its locks.
                await until(lambda: sent(5_000), seconds=60)
                os.kill(paused.pid, signal.SIGCONT)
                assert paused.stderr
                stderr = paused.stderr
                await asyncio.to_thread(lambda: next(line for line in stderr if "stage.lease_lost" in line))
                await append(db, config, range(5_000, 6_000))
                await until(lambda: sent(6_000))
            assert await sent(6_000)
            assert not await sent(6_001)
    assert_complete_and_in_order(await numbers_on_kafka(config), range(6_000))
