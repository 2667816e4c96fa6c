"""The command line: ``symgrad models``, ``symgrad derive`` and ``symgrad verify``."""

from symgrad.cli.commands import main

__all__ = ["main"]
