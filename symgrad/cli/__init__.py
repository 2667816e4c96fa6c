"""The command line: ``symgrad models``, ``derive``, ``verify``, ``fixed-points``, ``landscape`` and more."""

from symgrad.cli import (
    commands,
    design,
    diagnosis,
    dynamics,
    initialisation,
    landscapes,
    mean_field,
    networks,
    remedies,
    sweeps,
    writing,
)
from symgrad.cli.application import main

__all__ = [
    "commands",
    "design",
    "diagnosis",
    "dynamics",
    "initialisation",
    "landscapes",
    "main",
    "mean_field",
    "networks",
    "remedies",
    "sweeps",
    "writing",
]
