"""Logging: structlog on stderr, as JSON for machines or colored lines for people.

Event names are ``noun.past_verb``. Logs hold no secret and no personal data (invariant 9): a ``Secret``
shows as asterisks at any depth, tracebacks carry no local variables, and a value that is not plain data
shows as the name of its type.
"""

import logging
import sys
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Literal

import orjson
import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from bridge.config import LogConfig, Secret

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logging(config: LogConfig) -> None:
    """Configure structlog, and the standard library's logging that libraries use, for this process.

    ``auto`` writes lines for people where stderr is a terminal, and JSON everywhere else. A repeated call
    replaces the earlier configuration. Libraries log from ``warning`` up, aiokafka only at ``debug``.
    """
    rendering = _rendering(config.format)
    structlog.configure(
        processors=[*_shared(), *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[config.level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_shared()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.WARNING, _LEVELS[config.level]))
    # bridge.kafka translates aiokafka's errors and its caller logs them: aiokafka would log them twice.
    logging.getLogger("aiokafka").setLevel(logging.WARNING if config.level == "debug" else logging.CRITICAL)
    logging.captureWarnings(True)


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask,
    ]


def _rendering(wanted: Literal["auto", "json", "console"]) -> list[Processor]:
    if wanted == "console" or (wanted == "auto" and sys.stderr.isatty()):
        return [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=30)
    return [
        structlog.processors.ExceptionRenderer(tracebacks),
        structlog.processors.JSONRenderer(serializer=_json),
    ]


def mask(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Replace values that must not be logged, at any depth. This is a structlog processor."""
    return {key: value if key == "exc_info" else _shown(value) for key, value in event.items()}


def _shown(value: Any) -> Any:
    match value:
        case Secret():
            return str(value)
        case Mapping():
            return {str(_shown(key)): _shown(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_shown(item) for item in value]
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
        case PurePath():
            return str(value)
    return value


def _json(event: EventDict, **_: Any) -> str:
    return orjson.dumps(event, default=lambda value: f"<{type(value).__name__}>").decode()
