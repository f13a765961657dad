"""The event log in a SQLite file: one process writes it, anyone may read."""
