"""Everything that touches the world: the log, model calls, files, HTTP, the terminal."""
