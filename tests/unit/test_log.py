import json
import logging
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from bridge import log
from bridge.config import LogConfig, Secret


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_json_with_an_iso_time_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure_logging(LogConfig(format="json"))
    structlog.get_logger().info("page.read", rows=10)
    [line] = lines(capsys)
    assert (line["event"], line["level"], line["rows"]) == ("page.read", "info", 10)
    assert datetime.fromisoformat(line["timestamp"]).tzinfo == UTC


def test_auto_is_json_where_no_person_looks(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure_logging(LogConfig(format="auto"))
    structlog.get_logger().info("page.read")
    assert lines(capsys)[0]["event"] == "page.read"


def test_console_lines_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure_logging(LogConfig(format="console"))
    structlog.get_logger().info("page.read", key=Secret("hunter2"))
    shown = capsys.readouterr().err
    assert "page.read" in shown
    assert "hunter2" not in shown
    assert not shown.startswith("{")


def test_lines_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure_logging(LogConfig(format="json", level="warning"))
    structlog.get_logger().info("page.read")
    structlog.get_logger().warning("page.missed")
    assert [line["event"] for line in lines(capsys)] == ["page.missed"]


def test_secrets_and_bytes_show_nothing_however_deep(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure_logging(LogConfig(format="json"))
    secret = Secret("hunter2")
    structlog.get_logger().info("a.b", a=secret, b=[{"c": (secret,)}], d=b"hunter2", e=object())
    [line] = lines(capsys)
    assert "hunter2" not in str(line)
    assert (line["a"], line["b"], line["d"], line["e"]) == (
        "********",
        [{"c": ["********"]}],
        "<7 bytes>",
        "<object>",
    )


def test_an_exception_is_one_field_without_local_variables(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure_logging(LogConfig(format="json"))
    hunter = "hunter" + "2"
    try:
        raise KeyError("x")
    except KeyError:
        structlog.get_logger().exception("stage.crashed")
    [line] = lines(capsys)
    assert line["exception"][0]["exc_type"] == "KeyError"
    assert hunter not in str(line)


def test_libraries_are_heard_from_warning_on_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure_logging(LogConfig(format="json", level="debug"))
    logging.getLogger("aiokafka").info("chatter")
    logging.getLogger("aiokafka").warning("trouble with %s", "x")
    [line] = lines(capsys)
    assert (line["event"], line["level"], line["logger"]) == ("trouble with x", "warning", "aiokafka")


def test_warnings_of_python_are_lines_too(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        log.configure_logging(LogConfig(format="json"))
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(False)
    assert "DeprecationWarning: old" in lines(capsys)[0]["event"]


def test_configuring_again_does_not_double_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        log.configure_logging(LogConfig(format="json"))
    logging.getLogger("x").warning("once")
    assert len(lines(capsys)) == 1
