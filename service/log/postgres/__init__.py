"""The event log in a database on PostgreSQL: several processes write it. Needs the extra `postgres`."""
