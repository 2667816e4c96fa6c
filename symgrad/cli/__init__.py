"""The command line: ``symgrad models``, ``derive``, ``verify``, ``gradient``, ``compare`` and more."""

from symgrad.cli import commands, dynamics, landscapes, networks, writing
from symgrad.cli.application import main

__all__ = ["commands", "dynamics", "landscapes", "main", "networks", "writing"]
