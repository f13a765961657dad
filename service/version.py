"""The version of this matchspec."""

from importlib.metadata import version

VERSION = version("matchspec")
