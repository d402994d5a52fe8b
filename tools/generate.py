"""Write every generated file: ``python -m tools.generate``, which ``make generate`` runs.

Tests hold each file against what its generator makes, and name ``make generate`` where one is stale.
"""

from tools import assumption_table, asyncapi, chart, dialect_table, openapi, reference, schemas


def main() -> None:
    """Run every generator."""
    for generator in (schemas, asyncapi, openapi, reference, dialect_table, assumption_table, chart):
        generator.write()


if __name__ == "__main__":
    main()
