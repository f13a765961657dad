"""The version, of which the package's is made: to ask what is installed takes longer than `matchspec --version`."""

VERSION = "0.1.0"
