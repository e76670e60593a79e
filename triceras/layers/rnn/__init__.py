"""Recurrent layers, their cells and wrappers."""

from triceras.layers.rnn.bidirectional import Bidirectional
from triceras.layers.rnn.cells import GRUCell, LSTMCell, SimpleRNNCell
from triceras.layers.rnn.conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
from triceras.layers.rnn.gru import GRU
from triceras.layers.rnn.lstm import LSTM
from triceras.layers.rnn.rnn import RNN
from triceras.layers.rnn.simple_rnn import SimpleRNN
from triceras.layers.rnn.stacked import StackedRNNCells
from triceras.layers.rnn.time_distributed import TimeDistributed

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "GRUCell",
    "LSTMCell",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNNCells",
    "TimeDistributed",
]
