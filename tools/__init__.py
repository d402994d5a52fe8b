"""The generators of schemas, documents, tables and chart files. They are not installed."""
