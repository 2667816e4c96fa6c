"""The command line: ``symgrad models``, ``derive``, ``verify``, ``gradient`` and ``report``."""

from symgrad.cli import commands, writing
from symgrad.cli.application import main

__all__ = ["commands", "main", "writing"]
