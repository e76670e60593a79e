"""Triceras."""
from triceras.core.scope import use_backend
from triceras.core.variable import Variable
from triceras.core.state import StatelessScope
from triceras.core.graph import KerasTensor
from triceras.core import config
