"""Models: what turns an input into an output. A model is a function; `open_model` gives it."""
