"""The generators of schemas, documents, tables and chart files. They are not part of what is installed."""
