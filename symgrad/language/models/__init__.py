"""The zoo: ready-made recurrences, one file a family, each only its update equations.

>>> sorted(names())[:3]
['elman', 'leaky', 'lstm']
"""

from symgrad.language.models.catalogue import build, names
from symgrad.language.models.elman import elman
from symgrad.language.models.leaky import leaky
from symgrad.language.models.lstm import lstm
from symgrad.language.models.residual import residual
from symgrad.language.models.sigmoid_rnn import sigmoid_rnn

__all__ = ["build", "elman", "leaky", "lstm", "names", "residual", "sigmoid_rnn"]
