"""What processes share beside the log, where it is on PostgreSQL: who works on which part of a run, and how
fast services are asked.
"""
