"""Answers folded from events: each file holds one view's state, its `apply` and its query. Pure."""
