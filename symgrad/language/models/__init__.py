"""The zoo: ready-made recurrences, one file a family, each only its update equations.

>>> sorted(names())[:3]
['elman', 'feedforward', 'gru']
"""

from symgrad.language.models.catalogue import build, names
from symgrad.language.models.elman import elman
from symgrad.language.models.feedforward import feedforward
from symgrad.language.models.gru import gru
from symgrad.language.models.highway import highway
from symgrad.language.models.irnn import irnn, irnn_weights
from symgrad.language.models.leaky import leaky
from symgrad.language.models.lstm import lstm
from symgrad.language.models.neuron import neuron
from symgrad.language.models.residual import residual
from symgrad.language.models.sigmoid_rnn import sigmoid_rnn

__all__ = [
    "build",
    "elman",
    "feedforward",
    "gru",
    "highway",
    "irnn",
    "irnn_weights",
    "leaky",
    "lstm",
    "names",
    "neuron",
    "residual",
    "sigmoid_rnn",
]
