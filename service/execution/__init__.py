"""Runs in progress: their start, their limits, their examples, their end."""
