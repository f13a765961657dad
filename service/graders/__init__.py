"""Graders that reach outside this process: services that are asked, models that are loaded, programs that are run."""
