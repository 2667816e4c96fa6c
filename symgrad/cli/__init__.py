"""The command line: ``symgrad models``, ``derive``, ``verify``, ``fixed-points``, ``landscape`` and more."""

from symgrad.cli import commands, dynamics, initialisation, landscapes, networks, writing
from symgrad.cli.application import main

__all__ = ["commands", "dynamics", "initialisation", "landscapes", "main", "networks", "writing"]
