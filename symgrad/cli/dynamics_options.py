"""The options that the commands about dynamics share."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = [
    "Bias",
    "Box",
    "EquationText",
    "FamilyOptions",
    "InFlow",
    "Input",
    "ModelOption",
    "Parameters",
    "Picture",
    "Prefixed",
    "Step",
    "Values",
    "Weight",
    "WeightIn",
    "WeightsOption",
]

EquationText = Annotated[
    str | None,
    typer.Argument(metavar="EQUATION", help='Such as "x = tanh(2*x)"; a neuron or --model otherwise.'),
]
ModelOption = Annotated[str | None, typer.Option("--model", metavar="MODEL", help="A name from `symgrad models`.")]
WeightsOption = Annotated[
    str | None, typer.Option("--weights", metavar="FILE", help="Of --model: a .safetensors or .npz file.")
]
Weight = Annotated[str | None, typer.Option("--weight", "-w", metavar="W", help="Of the neuron on itself.")]
Bias = Annotated[str | None, typer.Option("--bias", "-b", metavar="B", help="Of the neuron.")]
Step = Annotated[str | None, typer.Option("--eps", metavar="E", help="Of x = (1-E)*x + E*s(w*x+b); 1 unless given.")]
WeightIn = Annotated[str | None, typer.Option("--w-in", metavar="V", help="Of the input of the neuron.")]
Input = Annotated[
    str | None, typer.Option("--input", "-u", metavar="U", help="The constant input; of vectors every entry.")
]
InFlow = Annotated[bool, typer.Option("--flow", help="The flow dx/dt = F(x) - x instead of the map x = F(x).")]
Values = Annotated[
    list[str] | None,
    typer.Option("--value", "-v", metavar="NAME=NUMBER", help="Of a parameter or an input; may be repeated."),
]
Box = Annotated[
    list[str] | None,
    typer.Option("--box", metavar="[NAME=]LOW,HIGH", help="Where states are searched; of one state if it is named."),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", metavar="P", help="b unless given; a name, W[0,1], or two names w,b."),
]
Picture = Annotated[
    str | None, typer.Option("--plot", metavar="FILE", help="Draw it: the file ends in .png, .svg or .pdf.")
]
FamilyOptions = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", metavar="NAME=VALUE", help="Of --model, such as alpha=0.3; may be repeated."),
]
Prefixed = Annotated[str, typer.Option("--prefix", metavar="P", help="Of --weights: only names that start with P.")]
