"""The HTTP API: one layer of ours below Litestar, handlers, documents, and the mapping of errors."""
