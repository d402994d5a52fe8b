"""Every line that the demo prints fits a terminal of 80 columns."""

from pathlib import Path

import pytest
from rich.console import Console
from trackerrms_contracts import ids
from trackerrms_contracts.commands import DATA_SCHEMA, ENDINGS, INPUTS, Outcome, Result
from trackerrms_contracts.entities import STRUCTS, Model

from bridge.clock import utc_now
from bridge.config import Config, KafkaConfig
from bridge.demo import scenario
from bridge.demo.outcome import DemoOutcome, Load
from bridge.demo.receiver import Receiver
from bridge.demo.screen import Screen
from bridge.demo.watcher import Asked, Expectation, SeenEvent, Watch

COLUMNS = 80
MODEL = Model.JOB_USER_ROLE_ASSIGNMENT
ID = ids.entity_id("demo", MODEL, "123456")
FIELDS = tuple(STRUCTS[Model.JOB].__struct_fields__)
LONGEST = "A reason in many words that goes on, and on, until it is wider than any terminal. " * 3
URL = "http://127.0.0.1:65535"


def expectation(says: str, arrived: int, missing: int = 1) -> Expectation:
    """Return what a change leads to: so many events that arrived, and others that did not."""
    kinds = [f"{MODEL}.{operation}" for operation in ("created", "updated", "deleted")]
    made = Expectation(says, 0.0, [(kind, ID) for kind in kinds for _ in range(arrived + missing)])
    for kind in kinds:
        fields = FIELDS if kind.endswith("updated") else ()
        for number in range(arrived):
            made.take(
                SeenEvent(
                    type=kind, model=MODEL, subject=ID, sequence=number + 1, changed_fields=fields,
                    cause="passthrough", record={}, at=123.456,
                )
            )  # fmt: skip
    return made


def asked(kind: str, ending: str, *, note: str = "", complaint: str = "") -> Asked:
    """Return a command with its result and events."""
    made = Asked("She is rejected, with a note", kind, "grace-applies")
    made.take(
        Result(
            id="r1", source="bridge", type=f"{kind}.{ending}", subject="grace-applies", time=utc_now(),
            dataschema=DATA_SCHEMA, integrationid="demo", data=Outcome(command_id="grace-applies"),
        )
    )  # fmt: skip
    made.note, made.complaint = note, complaint
    made.events = expectation("", 2)
    return made


def outcome(differences: list[str], wrong: tuple[str, ...]) -> DemoOutcome:
    return DemoOutcome(
        load=Load(records=1_234_567, seconds=123.4, calls=123_456),
        expectations=(expectation("A change", 3),),
        asked=tuple(asked(kind, "succeeded") for kind in INPUTS),
        differences=dict.fromkeys(Model, differences),
        existing=dict.fromkeys(Model, 1_234_567),
        counts={f"{model}.{op}": 123_456 for model in Model for op in ("created", "updated", "deleted")},
        unasked=wrong,
        broken=wrong,
        delivered={},
        refused=wrong,
        calls=1_234_567,
    )


def play(screen: Screen) -> None:
    """Print everything that the demo can print, at its widest."""
    config = Config(kafka=KafkaConfig(bootstrap_servers="127.0.0.1:65535"))
    screen.introduce(config, URL)
    with screen.live(Watch(), Receiver()):
        screen.loaded(Load(records=1_234_567, seconds=123.4, calls=123_456))
        screen.change_headings()
        for step in scenario.STEPS:
            screen.change(expectation(step.says, 12))
        screen.command_headings()
        screen.command(Asked(scenario.FIRST_COMMAND, "application.move_to_stage", "one"))
        for order in scenario.COMMANDS:
            screen.command(Asked(order.says, order.kind, "one"))
        for kind in INPUTS:
            for ending in ENDINGS:
                screen.command(asked(kind, ending, note=LONGEST))
                screen.command(asked(kind, ending, complaint=LONGEST))
    screen.summarize(outcome([], ()))
    screen.summarize(
        outcome([f"{MODEL} {ID}: {', '.join(FIELDS)} differ"], (f"{MODEL}.updated {ID}", LONGEST))
    )
    screen.cut_short(3)
    screen.cut_short(0)
    path = Path("/") / "tmp" / "trackerrms-demo-abcdefgh" / "bridge.toml"
    screen.invite(URL, path, "ep_" + "0" * 24, f"{URL}")


def test_every_line_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    play(Screen())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 200
    assert [line for line in lines if len(line) > COLUMNS] == []


def test_what_is_in_progress_fits_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal the work in progress is shown below the lines that stay."""
    watch = Watch()
    screen = Screen()
    with monkeypatch.context() as terminal:
        terminal.setattr(Console, "is_terminal", property(lambda _: True))
        with screen.live(watch, Receiver()):
            watch.loading = False
            watch.asked += [Asked(order.says, order.kind, "one") for order in scenario.COMMANDS]
            for step in scenario.STEPS:
                watch.expect(expectation(step.says, 1))
    shown = Console(width=200)
    with shown.capture() as captured:
        shown.print(screen._underway())
    lines = captured.get().splitlines()
    assert len(lines) >= len(scenario.STEPS) + len(scenario.COMMANDS)
    assert [line for line in lines if len(line.rstrip()) > COLUMNS] == []
    capsys.readouterr()
