"""Write every generated file: ``python -m tools.generate``, which ``make generate`` runs.

Tests compare each file with its generator's output, and name ``make generate`` if one is stale.
"""

from tools import (
    assumption_table,
    asyncapi,
    chart,
    dialect_table,
    openapi,
    reading_digest,
    reference,
    schemas,
)


def main() -> None:
    """Run every generator."""
    generators = (
        schemas, asyncapi, openapi, reference, dialect_table, assumption_table, chart, reading_digest,
    )  # fmt: skip
    for generator in generators:
        generator.write()


if __name__ == "__main__":
    main()
