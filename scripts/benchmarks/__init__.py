"""Measures matchspec beside the floor: bare loops that do the same work and nothing else (docs/benchmarks.md)."""
