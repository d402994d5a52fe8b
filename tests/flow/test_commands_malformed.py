"""What is no command ends as a dead letter, with a result where an id can be read; nothing stops for it."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
import pytest_asyncio
from trackerrms_contracts import topics

from bridge import kafka
from tests.commanding import code, ending, envelope, person
from tests.databases import Databases
from tests.flow.commanded import CV, Bench, commanded, message
from tests.installation import INTEGRATION
from tests.unit.test_outbound_addresses import REFUSED_ADDRESSES, REFUSED_HOSTS

pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGES = 1_000
LARGEST = 15_000_000
VALID: list[tuple[str, dict[str, Any]]] = [
    ("candidate.create", {"candidate": person(), "application": {"job_id": "remote:1"}}),
    ("application.create", {"candidate": person(), "job_id": "remote:1", "attachments": [CV]}),
    ("application.move_to_stage", {"application_id": "remote:1", "stage_id": "remote:4"}),
    ("application.reject", {"application_id": "remote:1", "rejection_reason_id": "remote:10"}),
    ("passthrough.request", {"method": "GET", "path": "/api/v1/Nothing"}),
]
REQUIRED: dict[str, list[tuple[str | int, ...]]] = {
    "candidate.create": [("candidate",), ("application",), ("candidate", "email_address")],
    "application.create": [("candidate",), ("candidate", "last_name"), ("attachments", 0, "name")],
    "application.move_to_stage": [("application_id",), ("stage_id",)],
    "application.reject": [("application_id",), ("rejection_reason_id",)],
    "passthrough.request": [("method",), ("path",)],
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def bench(databases: Databases, kafka_bootstrap: str) -> AsyncIterator[Bench]:
    async with commanded(databases, kafka_bootstrap) as made:
        yield made


class Fuzzer:
    """Makes messages that are no commands, the same for the same seed.

    Each is the bytes, and the id that a result must name: ``None`` where none can be read.
    """

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._kinds: list[Callable[[str], tuple[bytes | None, str | None]]] = [
            self._noise, self._cut, self._wrong_type, self._missing, self._deep, self._huge_number, self._nul,
            self._surrogate, self._no_utf8, self._wrong_envelope, self._unknown_type,
            self._unknown_integration, self._nothing, self._other_json,
        ]  # fmt: skip

    def make(self, n: int) -> tuple[bytes | None, str | None]:
        """The ``n``-th message; the kinds take turns."""
        return self._kinds[n % len(self._kinds)](f"fuzz-{n}")

    def _valid(self, command_id: str) -> dict[str, Any]:
        kind, data = self._rng.choice(VALID)
        found: dict[str, Any] = orjson.loads(envelope(kind, data, command_id))
        return found

    def _noise(self, command_id: str) -> tuple[bytes, None]:
        return b"\xfe" + self._rng.randbytes(self._rng.randrange(200)), None

    def _cut(self, command_id: str) -> tuple[bytes, None]:
        whole = orjson.dumps(self._valid(command_id))
        return whole[: self._rng.randrange(1, len(whole) - 1)], None

    def _wrong_type(self, command_id: str) -> tuple[bytes, str]:
        command = self._valid(command_id)
        self._at(command, lambda place, key: place.__setitem__(key, self._rng.choice([7, [], {}, True, 1.5])))
        return orjson.dumps(command), command_id

    def _missing(self, command_id: str) -> tuple[bytes, str]:
        command = self._valid(command_id)
        self._at(command, lambda place, key: place.pop(key))
        return orjson.dumps(command), command_id

    def _at(self, command: dict[str, Any], change: Callable[[Any, Any], Any]) -> None:
        *outer, key = self._rng.choice(REQUIRED[command["type"]])
        place = command["data"]
        for step in outer:
            place = place[step]
        if key in ("candidate", "application"):
            place[key] = {}  # an object is no wrong type there, and an empty one lacks what it must have
        else:
            change(place, key)

    def _with(self, command_id: str, extra: bytes) -> bytes:
        """A command with a key that no input has, and which is passed over for that."""
        whole = orjson.dumps(self._valid(command_id) | {"data": {}})
        kind, data = self._rng.choice(VALID)
        inner = orjson.dumps(data)[:-1] + b',"x":' + extra + b"}"
        return orjson.dumps({**orjson.loads(whole), "type": kind, "data": 0})[:-2] + inner + b"}"

    def _deep(self, command_id: str) -> tuple[bytes, str | None]:
        depth = self._rng.choice([2_000, 50_000])
        return self._with(command_id, b"[" * depth + b"]" * depth), None

    def _huge_number(self, command_id: str) -> tuple[bytes, str]:
        return self._with(command_id, self._rng.choice([b"1e999", b"-1e400", b"9" * 5_000])), command_id

    def _nul(self, command_id: str) -> tuple[bytes, None]:
        return orjson.dumps(self._valid(command_id) | {"id": f"{command_id}\0"}), None

    def _surrogate(self, command_id: str) -> tuple[bytes, str | None]:
        if self._rng.random() < 0.5:
            return self._with("\\ud800", b"1").replace(b"\\\\ud800", b"\\ud800"), None
        return self._with(command_id, b'"\\ud800\\ud800"'), None

    def _no_utf8(self, command_id: str) -> tuple[bytes, str]:
        return self._with(command_id, b'"\xff\xfe"'), command_id

    def _wrong_envelope(self, command_id: str) -> tuple[bytes, str]:
        command = self._valid(command_id)
        key = self._rng.choice(["specversion", "source", "type", "integrationid", "data"])
        if self._rng.random() < 0.5:
            del command[key]
        else:
            command[key] = self._rng.choice([None, 5, [command[key]]])
        return orjson.dumps(command), command_id

    def _unknown_type(self, command_id: str) -> tuple[bytes, str]:
        unknown = self._rng.choice(["candidate.delete", "", "CANDIDATE.CREATE", "candidate.create\0"])
        return orjson.dumps(self._valid(command_id) | {"type": unknown}), command_id

    def _unknown_integration(self, command_id: str) -> tuple[bytes, str]:
        unknown = self._rng.choice(["nobody", "", "ACME", "acme\0", "é" * 300])
        return orjson.dumps(self._valid(command_id) | {"integrationid": unknown}), command_id

    def _nothing(self, command_id: str) -> tuple[bytes | None, None]:
        return self._rng.choice([None, b"", b" \n", b"null"]), None

    def _other_json(self, command_id: str) -> tuple[bytes, None]:
        return self._rng.choice([b"[]", b"7", b'"x"', b"{}", b'{"id": 7}', b'{"id": ""}', b"true"]), None


async def test_a_thousand_malformed_messages_are_a_thousand_dead_letters(bench: Bench) -> None:
    before = {letter["id"] for letter in await bench.dead_letters()}
    fuzzer = Fuzzer(20261125)
    made = [fuzzer.make(n) for n in range(MESSAGES - 1)]
    huge = envelope(*VALID[0], "huge")[:-1] + b',"x":"' + b"a" * LARGEST + b'"}'
    made.append((huge, "huge"))
    commands = topics.commands(bench.bridge.settings.kafka.topic_prefix)
    async with kafka.Producer(bench.bridge.settings.kafka) as producer:
        await producer.publish(
            [
                kafka.Message(topic=commands, key=str(n).encode(), value=value)
                for n, (value, _) in enumerate(made)
            ]
        )
    named = [command_id for _, command_id in made if command_id is not None]
    for command_id in named:
        result = await bench.caller.result(command_id)
        assert ending(result) == "failed"
        assert code(result) in ("PLATFORM.INPUT_INVALID", "PLATFORM.INTEGRATION_NOT_FOUND")
    after = await bench.caller.run("candidate.create", await bench.create())
    assert ending(after) == "succeeded"

    async def letters_since() -> list[dict[str, Any]]:
        return [letter for letter in await bench.dead_letters() if letter["id"] not in before]

    async def all_there() -> bool:
        return len(await letters_since()) >= MESSAGES

    await bench.until(all_there, "dead letters are missing")
    letters = await letters_since()
    assert len(letters) == MESSAGES
    assert len({letter["id"] for letter in letters}) == MESSAGES
    positions = Counter((one["data"]["partition"], one["data"]["offset"]) for one in letters)
    assert len(positions) == MESSAGES
    results = {key: found for key, found in bench.caller.results.items() if key.startswith(("fuzz", "huge"))}
    assert set(results) == set(named)
    assert all(len(found) == 1 for found in results.values())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "candidate.delete"}, "`$.type`"),
        ({"data": {"candidate": person()}}, "`application`"),
        ({"integrationid": "nobody"}, f"is not one of the configured: {INTEGRATION}"),
        ({"id": "x" * 201}, "`$.id`"),
    ],
)
async def test_a_dead_letter_says_what_is_wrong_and_where_it_stands_and_not_what_it_says(
    bench: Bench, change: dict[str, Any], said: str
) -> None:
    command_id = bench.someone()["last_name"]
    before = {letter["id"] for letter in await bench.dead_letters()}
    command = orjson.loads(envelope(*VALID[0], command_id)) | change
    await bench.caller.send_raw(orjson.dumps(command))

    async def came() -> bool:
        return len(await bench.dead_letters()) > len(before)

    await bench.until(came, "no dead letter")
    [letter] = [one for one in await bench.dead_letters() if one["id"] not in before]
    assert letter["type"] == "command.refused"
    assert said in letter["data"]["reason"]
    assert "ada1@example.org" not in orjson.dumps(letter).decode()
    topic, partition, offset = (letter["data"][key] for key in ("topic", "partition", "offset"))
    assert letter["subject"] == f"{topic}/{partition}/{offset}"


async def test_no_address_that_must_not_be_called_is_fetched_for_a_command(bench: Bench) -> None:
    hosts = [*REFUSED_HOSTS]
    for addresses in REFUSED_ADDRESSES.values():
        hosts += [f"[{address}]" if ":" in address else address for address in addresses]
    hosts = [host for host in hosts if host != "127.0.0.2"]  # the one that the tests' own servers have
    job, sent = await bench.job(), {}
    for scheme in ("https", "http"):
        for host in hosts:
            file = {"name": "cv.pdf", "type": "CV", "data_url": f"{scheme}://{host}/latest/meta-data"}
            data = {
                "candidate": bench.someone(),
                "application": {"job_id": f"remote:{job}"},
                "attachments": [file],
            }
            sent[await bench.caller.send("candidate.create", data)] = host
    before = len(await bench.remote.truth("candidate"))
    for command_id, host in sent.items():
        result = await bench.caller.result(command_id)
        assert code(result) == "PLATFORM.INPUT_INVALID", (host, result)
        assert message(result).startswith("attachments[0].data_url: "), (host, result)
        assert "latest/meta-data" not in message(result)
    assert len(await bench.remote.truth("candidate")) == before
    part = {"name": "f", "value": {"name": "f", "data_url": "https://169.254.169.254/"}}
    data = {"method": "POST", "path": "/x", "multipart_form_data": [part]}
    refused = await bench.caller.run("passthrough.request", data)
    assert code(refused) == "PLATFORM.INPUT_INVALID"
