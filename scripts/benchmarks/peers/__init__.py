"""matchspec beside Inspect AI, promptfoo and pydantic-evals: the same examples, the same model server."""
