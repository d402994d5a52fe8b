"""What is learned of an account while a process runs is how all of that process reads from then on."""

from trackerrms_contracts.entities import Model

from bridge.commands.account import Account, CommandLimits, CommandTerms
from bridge.config import CommandsConfig, IntegrationConfig, OutboundConfig
from bridge.hashing import Hasher
from bridge.outbound import Outbound
from bridge.store.database import Database
from bridge.tracker import resources
from bridge.tracker.by_id import Detail
from tests.flow.tracker_account import account


async def test_commands_read_records_by_a_profile_that_is_learned_after_they_began(
    store_url: str, db: Database
) -> None:
    async with (
        account(store_url, dialect={"record_case": "snake"}) as acme,
        acme.client() as client,
        Outbound(OutboundConfig()) as outbound,
    ):
        terms = CommandTerms(
            integration=IntegrationConfig(id="acme", time_zone="Europe/London"),
            config=CommandsConfig(),
            limits=CommandLimits(),
            topic_prefix="trackerrms",
            max_message_bytes=1_000_000,
        )
        commanded = Account(terms, db, client, outbound, Hasher(b"key of the test"))
        client.adopt(resources.configure_resources({"key_case": "snake"}, "tracker"))
        row = (await client.pages("applications")).rows[0]
        found = await client.detail("applications", row.remote_id)
        assert isinstance(found, Detail)
        read = commanded.normaliser.application(None, {}, found.record)
    assert [member.remote_id for member in read.of(Model.APPLICATION)] == [row.remote_id]
