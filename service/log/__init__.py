"""The event log: one append-only SQLite database, written by one process at a time."""
