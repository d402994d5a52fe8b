"""``bridge simulate``."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from bridge.cli import screen, session
from bridge.errors import ConfigError, EnvironmentFault, install_hint
from bridge.simulator.dialects import DIALECTS, Dialect
from bridge.simulator.options import API_KEY, BEARER_TOKEN, Options
from bridge.simulator.quirks import QUIRKS
from bridge.simulator.recording import Recording, read_recording

if TYPE_CHECKING:
    from bridge.simulator.world import World

_DEFAULTS = Options()


def simulate(
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.")] = 8090,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    seed: Annotated[int, typer.Option(help="The same seed creates the same account.")] = 1,
    candidates: Annotated[int, typer.Option(min=0)] = 1000,
    jobs: Annotated[int, typer.Option(min=0)] = 100,
    applications: Annotated[int, typer.Option(min=0)] = 2000,
    users: Annotated[int, typer.Option(min=1)] = 25,
    rate_limit_per_minute: Annotated[
        int, typer.Option(min=0, help="Requests answered per minute; 0: no limit.")
    ] = _DEFAULTS.rate_limit_per_minute,
    changes_per_minute: Annotated[
        float, typer.Option(min=0, help="How many times per minute the account changes by itself.")
    ] = 0,
    index_lag_seconds: Annotated[
        float, typer.Option(min=0, help="How many seconds the search index lags behind the records.")
    ] = _DEFAULTS.index_lag_seconds,
    time_zone: Annotated[str, typer.Option(help="The tenant's time zone.")] = "Europe/London",
    quirk_off: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Switch a quirk off; repeatable. GET /__quirks lists them."),
    ] = None,
    dialect: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Set one property of the account's dialect; repeatable."),
    ] = None,
    list_dialects: Annotated[
        bool, typer.Option("--list-dialects", help="List the properties and values of --dialect, and exit.")
    ] = False,
    like: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Imitate a recorded account; --dialect overrides it."),
    ] = None,
) -> None:
    """Run a simulated TrackerRMS account over HTTP until interrupted.

    It answers as TrackerRMS is known, or assumed, to answer. Set an integration's
    base_url to it.
    """
    if list_dialects:
        screen.print_markup(_list_switches())
        return
    recorded = _recorded(like) if like else Recording(version=1)
    spoken = {**recorded.dialect, **_spoken(dialect or [])}
    unknown = sorted(set(quirk_off or ()) - QUIRKS.keys())
    if unknown:
        raise ConfigError(f"--quirk-off {unknown[0]}: no such quirk; use one of {', '.join(QUIRKS)}")
    try:
        from bridge.simulator.world import World
    except ImportError as error:
        raise EnvironmentFault(
            f"the simulator needs {error.name}; run: {install_hint('simulator')}"
        ) from error
    try:
        world = World(
            seed, candidates, jobs, applications, users, time_zone, index_lag_seconds=index_lag_seconds
        )
    except (LookupError, ValueError) as error:
        raise ConfigError(
            f"--time-zone {time_zone}: not an IANA time zone; write one like Europe/London"
        ) from error
    options = Options(
        rate_limit_per_minute=rate_limit_per_minute,
        changes_per_minute=changes_per_minute,
        index_lag_seconds=index_lag_seconds,
        quirks_off=tuple(quirk_off or ()),
        dialect=spoken,
        shapes=recorded.shapes,
    )
    session.run_to_end(_serve(world, host, port, options, time_zone))


def _list_switches() -> Table:
    """Return every switch with its values; the first of them is its default."""
    made = screen.new_table("switch", "value", "meaning", "touches")
    for name, one in DIALECTS.items():
        made.add_row(f"[bold]{name}[/]", "", f"[bold]{screen.escape(one.meaning)}[/]", "")
        for value, said in one.values.items():
            shown = screen.escape(f"{name}={value}")
            made.add_row("", shown, screen.escape(said.meaning), " ".join(sorted(said.touches)))
    return made


def _recorded(path: Path) -> Recording:
    try:
        return read_recording(path)
    except OSError as error:
        raise ConfigError(f"--like {path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ConfigError(f"--like {path}: {error}") from error


def _spoken(given: list[str]) -> dict[str, str]:
    """Parse the switches of ``--dialect``."""
    spoken = {}
    for one in given:
        name, mark, value = one.partition("=")
        try:
            if not mark:
                raise ValueError("not NAME=VALUE")
            Dialect(DIALECTS, {name: value})
        except ValueError as error:
            raise ConfigError(f"--dialect {one}: {error}; see bridge simulate --list-dialects") from error
        spoken[name] = value
    return spoken


async def _serve(world: "World", host: str, port: int, options: Options, time_zone: str) -> None:
    from bridge.simulator import server

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    try:
        running = await server.start_server(world, host, port, options)
    except OSError as error:
        raise EnvironmentFault(
            f"--port {port}: can't listen on {host} ({error.strerror}); choose another port"
        ) from error
    try:
        _introduce(running.url, options, time_zone)
        await ended.wait()
    finally:
        await running.close()


def _introduce(url: str, options: Options, time_zone: str) -> None:
    limit = options.rate_limit_per_minute or 100_000
    screen.print_markup(
        f"[bold]A simulated TrackerRMS account at {url}[/]",
        f"Bearer token: {BEARER_TOKEN}; widget API key: {API_KEY}",
        "\nA bridge.toml for it:\n",
        screen.escape(
            f'[[integrations]]\nid = "demo"\nbase_url = "{url}"\nbearer_token = "{BEARER_TOKEN}"\n'
            f'time_zone = "{time_zone}"\nrequests_per_minute = {limit}\n'
        ),
        "To change it, and to see its records:\n",
        screen.escape(_CONTROLS.replace("URL", url)),
        "[dim]Press Ctrl-C to stop.[/]",
    )
    sys.stdout.flush()


_CONTROLS = """\
curl URL/__about                              how much there is
curl -d '{"op":"update","entity":"resource","id":101,"jobTitle":"Head of Data"}' URL/__change
curl -d '{"op":"delete","entity":"resource","id":102}' URL/__change
curl 'URL/__truth?model=candidate'            what is true now, in unified terms
curl 'URL/__journal?after=0'                  every change, in order
curl 'URL/__records?entity=resource&id=101'   one record as it is kept
curl URL/__documents                          every file that was attached
curl -d '{"path":"/api/v1/Resource/PagedSearch","kind":"status","status":500,"times":3}' URL/__faults
curl -X DELETE URL/__faults
curl URL/__quirks                             the oddities, each of which can be switched
curl -d '{"first_page":"0"}' URL/__dialect    what the account is like; GET lists all of it
curl URL/__calls                              what was asked of it
"""
