"""``bridge run`` with other constants of its stages, for tests that can't wait for those it has.

``python -m tests.crash.tuned FILE TUNING [ROLE ...]``: a bridge.toml, and ``bridge.app.Tuning`` as JSON.
"""

import sys
from pathlib import Path
from typing import cast

import msgspec

from bridge import app, log
from bridge.app import Role, Tuning
from bridge.cli import session
from bridge.config import load_config


def main(path: str, tuning: str, *roles: str) -> int:
    """Run until a signal; return the exit code."""
    config = load_config(Path(path))
    log.configure_logging(config.log)
    only = tuple(cast(Role, role) for role in roles) or app.ROLES
    with session.with_guarded_servers(config) as grounded:
        running = app.run_roles(grounded, only, tuning=msgspec.json.decode(tuning, type=Tuning))
        return session.run_to_end(running)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
