"""``bridge``, also as ``python -m bridge``."""

from bridge.cli.program import app


def main() -> None:
    """Run the command line; ends the process with its exit code."""
    app(prog_name="bridge")


if __name__ == "__main__":
    main()
