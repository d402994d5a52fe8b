"""Commands from the command line: send, commands list, commands show, and what status tells of them."""

import asyncio
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from bridge.simulator.remote import Remote
from tests import pages
from tests.flow.program import CANDIDATES, Ended, Program
from tests.flow.test_commandline import ACME
from tests.kafka_server import libraries
from tests.waiting import patient, until

GRACE = {
    "candidate": {"first_name": "Grace", "last_name": "Example", "email_address": "Grace@example.org"},
    "application": {"job_id": "remote:1001", "stage_id": "remote:2"},
    "attachments": [{"name": "CV.txt", "type": "CV", "content_type": "text/plain", "data": "Y3Y="}],
    "screening_question_answers": [{"question_id": "q", "answer": True}],
}
NOBODY = {"application_id": "remote:9999", "rejection_reason_id": "remote:10"}


def encoded(data: Any) -> str:
    return msgspec.json.encode(data).decode()


async def send(program: Program, kind: str, data: Any, *more: str) -> Ended:
    """``bridge send``, and wait for the result."""
    return await program("send", kind, "--data", encoded(data), "--wait", "--timeout", "60", *more)


async def test_a_command_sent_is_told_with_its_result_its_steps_and_its_event(program: Program) -> None:
    (program.directory / "grace.json").write_text(encoded(GRACE))
    async with program.running("run"):
        await program.loaded()
        ended = await program(
            "send", "candidate.create", "--data", "@grace.json", "--id", "grace-1", "--wait"
        )
        told = await program(
            "tail", "--from-beginning", "--model", "candidate", "--limit", str(CANDIDATES + 1), "--json"
        )
        listed, shown = await program("commands", "list"), await program("commands", "show", "grace-1")
        status = await program("status")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("succeeded candidate.create grace-1\n  screening_question_answers: ")
    event = next(e for e in told.lines if e["data"]["record"]["first_name"] == "Grace")
    assert (event["data"]["cause"], event["data"]["command_id"]) == ("command", "grace-1")
    assert f'"id": "{event["subject"]}"' in ended.out
    assert re.search(r"grace-1 +acme +candidate.create +succeeded +1 ", listed.out)
    assert re.search(
        r"add_to_job +started *\n.* done +POST /api/widget/resourceApplication answered", shown.out
    )
    assert "Grace" not in listed.out + shown.out
    assert "Commands  none under way; in the last day none failed, none unknown\n" in status.out


async def test_a_command_that_fails_says_why_and_ends_with_1(program: Program) -> None:
    async with program.running("run"):
        ended = await send(program, "application.reject", NOBODY, "--id", "reject-1")
        as_json = await send(program, "application.reject", NOBODY, "--id", "reject-2", "--json")
        failed = await program("commands", "list", "--state", "failed", "--json")
        whole = await program("commands", "show", "reject-2", "--result", "--json")
        status = await program.status()
    assert (ended.code, ended.err) == (1, "")
    assert ended.out.splitlines() == [
        "failed application.reject reject-1",
        "  PLATFORM.INPUT_INVALID: The command's input is not valid.",
        "  application_id: TrackerRMS has no application 9999",
    ]
    assert (as_json.code, as_json.json["type"]) == (1, "application.reject.failed")
    assert [(c["command_id"], c["error_code"]) for c in failed.json] == [
        ("reject-2", "PLATFORM.INPUT_INVALID"),
        ("reject-1", "PLATFORM.INPUT_INVALID"),
    ]
    assert whole.json[0]["result"] == as_json.json
    assert "result" not in failed.json[0]
    assert status["commands"]["failed"] == 2


async def test_the_same_id_is_the_same_command_and_may_not_ask_for_something_else(program: Program) -> None:
    other = GRACE | {"attachments": []}
    async with program.running("run"):
        first, again = [await send(program, "candidate.create", GRACE, "--id", "g", "--json") for _ in "12"]
        changed = await send(program, "candidate.create", other, "--id", "g")
        listed = await program("commands", "list", "--json")
    assert first.code == again.code == 0
    assert first.json == again.json
    assert (changed.code, "an earlier command with this id has other content" in changed.out) == (
        1,
        True,
    )
    assert len(listed.json) == 1


async def test_an_id_from_a_result_can_be_used_at_once(program: Program) -> None:
    # Nobody reads the account: the command itself has to say what its ids name.
    async with program.running("run", "--only", "commands", "--only", "relay"):
        created = await send(program, "candidate.create", GRACE, "--json")
        application = created.json["data"]["result"]["applications"][0]["id"]
        move = {"application_id": application, "stage_id": "remote:7"}
        moved = await send(program, "application.move_to_stage", move)
    assert (moved.code, moved.out.split()[0]) == (0, "succeeded")


async def test_what_waits_for_trackerrms_is_told_by_status(program: Program, remote: Remote) -> None:
    fault = {"path": "/api/widget/updateRecord", "kind": "status", "status": 503, "times": None}
    move = {"application_id": "remote:502", "stage_id": "remote:7"}

    async def waiting() -> bool:
        return bool((await program.status())["commands"]["waiting"])

    async with aiohttp.ClientSession(remote.url) as session, program.running("run"):
        await session.post("/__faults", json=fault)
        sent = await program("send", "application.move_to_stage", "--data", encoded(move), "--json")
        await until(waiting, 60)
        status, shown = await program("status"), await program("commands", "show", sent.json["id"])
        await session.delete("/__faults")
        result = await send(program, "application.move_to_stage", move, "--id", sent.json["id"])
    assert re.search(
        r"Commands  1 to be tried again, the oldest for [\d.]+ m?s; in the last day none", status.out
    )
    assert "running at waiting" in shown.out
    assert "REMOTE.SERVICE_UNAVAILABLE: " in shown.out
    assert result.code == 0


async def test_commands_are_carried_out_by_a_process_of_their_own(program: Program) -> None:
    read = {"method": "GET", "path": "/api/v1/Resource/101"}
    async with program.running("run", "--only", "commands"):
        late = await program(
            "send", "passthrough.request", "--data", encoded(read), "--wait", "--timeout", "1"
        )
        await until(lambda: _finished(program), 60)
        standing = (await program("status", "--json")).json
    assert (late.code, late.out) == (3, "")
    assert "within 1 s: is a bridge running with the role commands? bridge commands show" in late.err
    assert len(standing["commands"]) == 1
    async with program.running("run", "--only", "relay"):
        await until(lambda: _published(program), 60)
        ended = await program("commands", "list")
    assert "passthrough.request  succeeded" in ended.out


async def _finished(program: Program, count: int = 1) -> bool:
    listed = await program("commands", "list", "--state", "succeeded", "--json")
    return listed.code == 0 and len(listed.json) == count


async def _published(program: Program) -> bool:
    """Whether a relay is at work and has nothing left."""
    standing = (await program("status", "--json")).json
    return standing["relay"] is not None and standing["outbox"]["depth"] == 0


async def test_without_a_command_there_is_nothing_to_show(program: Program) -> None:
    await program("migrate")
    listed, shown = await program("commands", "list"), await program("commands", "show", "x")
    status = await program("status")
    assert (listed.code, listed.out) == (0, "No commands.\n")
    assert (shown.code, shown.out) == (1, "No command has the id x; bridge commands list shows the newest.\n")
    assert "nobody carries them out: start bridge run" in status.out


async def test_the_python_example_publishes_and_waits(
    program: Program, kafka_bootstrap: str, topic_prefix: str
) -> None:
    (example,) = pages.blocks("docs/commands.md", "python")
    example = example.replace("localhost:9092", kafka_bootstrap).replace("trackerrms.", f"{topic_prefix}.")
    async with program.running("run"):
        # The program makes the topics: the example is for a bridge that has been there.
        await program.loaded()
        service = await asyncio.create_subprocess_exec(
            sys.executable, "-c", example, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await asyncio.wait_for(service.communicate(), patient(60))
    assert [line.split()[0] for line in out.decode().splitlines()] == [
        "candidate.create.succeeded",
        "application.move_to_stage.succeeded",
        "application.reject.succeeded",
        "application.create.succeeded",
        "passthrough.request.succeeded",
    ]


@pytest.mark.system
async def test_the_lines_of_the_page_go_through_kafkas_own_console_tools(
    program: Program, kafka_bootstrap: str, topic_prefix: str
) -> None:
    section = pages.text_of("docs/commands.md").partition("With Kafka's own tools, one line per message")[2]
    tools = re.findall(r"^kafka-console-\w+.sh (?:.*\\\n)*.*", section, re.MULTILINE)[:2]
    produce, consume = (_console(tool, kafka_bootstrap, topic_prefix) for tool in tools)
    creating, moving = _split(re.findall(r"^\S+\t\{.*$", section, re.MULTILINE))
    async with program.running("run"):
        await program.loaded()
        await _through(produce, creating)
        await until(lambda: _finished(program, len(creating)), 60)
        await _through(produce, moving)
        said = await _through([*consume, "--from-beginning", "--max-messages", "5"])
    assert sorted(msgspec.json.decode(line)["type"] for line in said.splitlines()) == [
        "application.create.succeeded",
        "application.move_to_stage.succeeded",
        "application.reject.succeeded",
        "candidate.create.succeeded",
        "passthrough.request.succeeded",
    ]


def _split(lines: list[str]) -> tuple[list[str], list[str]]:
    """Those that make the application, and those that name it."""
    return [line for line in lines if ".create" in line], [line for line in lines if ".create" not in line]


def _console(command: str, bootstrap: str, prefix: str) -> list[str]:
    """A line of the page as Kafka's own program is started without its script."""
    words = command.partition("<")[0].replace("\\\n", " ").split()
    kind = "ConsoleProducer" if "producer" in words[0] else "consumer.ConsoleConsumer"
    rest = [w.replace("localhost:9092", bootstrap).replace("trackerrms.", f"{prefix}.") for w in words[1:]]
    return ["java", "-cp", f"{libraries()}/*", f"org.apache.kafka.tools.{kind}", *rest]


async def _through(command: list[str], lines: Sequence[str] = ()) -> str:
    tool = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(
        tool.communicate("".join(f"{line}\n" for line in lines).encode()), patient(90)
    )
    assert tool.returncode == 0, err.decode()
    assert "deprecated" not in (out + err).decode().lower(), (out + err).decode()
    return out.decode()


MOVE = encoded({"application_id": "remote:1", "stage_id": "remote:2"})
TWO = ACME + ACME.replace("acme", "other")


@pytest.mark.parametrize(
    ("arguments", "config", "says"),
    [
        (["candidate.hire", "--data", "{}"], ACME, "TYPE: 'candidate.hire' is none; known: candidate.create"),
        (["application.reject", "--data", "{"], ACME, "--data: is not JSON"),
        (["application.reject", "--data", "@-"], ACME, "--data: is not JSON"),
        (["application.reject", "--data", "[]"], ACME, "--data: Expected `object`, got `array`"),
        (["application.reject", "--data", "{}"], ACME, "--data: Object missing required field"),
        (["application.reject", "--data", "@no.json"], ACME, "--data @no.json: can't be read: FileNotFound"),
        (["application.move_to_stage", "--data", MOVE, "--id", "x" * 201], ACME, "--id: Expected `str` of"),
        (
            ["application.move_to_stage", "--data", MOVE],
            TWO,
            "--integration: say which account is meant: acme, o",
        ),
        (
            ["application.move_to_stage", "--data", MOVE, "--integration", "x"],
            TWO,
            "integrations: no integration has the id",
        ),
        (["application.move_to_stage", "--data", MOVE], "", "integrations: none is configured"),
    ],
)
async def test_what_is_no_command_is_not_published(
    arguments: list[str], config: str, says: str, tmp_path: Path
) -> None:
    # Nothing but the configuration is looked at: there is no Kafka here.
    ended = await Program(tmp_path, config)("send", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"bridge: {says}")
    assert len(ended.err.splitlines()) == 1


async def test_a_command_larger_than_kafka_takes_is_refused_with_the_way_out(program: Program) -> None:
    program.configure(
        (program.directory / "bridge.toml")
        .read_text()
        .replace("[kafka]", "[kafka]\nmax_message_bytes = 100000")
    )
    (program.directory / "large.json").write_text(
        encoded({"method": "POST", "path": "/x", "data": "a" * 200_000})
    )
    ended = await program("send", "passthrough.request", "--data", "@large.json")
    assert ended.code == 2
    assert "Kafka takes 100,000: give large files by data_url" in ended.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--state", "waiting"], "--state waiting: no such state; known: received, running"),
        (["--integration", "x"], "no integration has the id"),
    ],
)
async def test_a_list_of_nonsense_is_refused(arguments: list[str], says: str, tmp_path: Path) -> None:
    ended = await Program(tmp_path, ACME)("commands", "list", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err
