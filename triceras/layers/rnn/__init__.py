"""Recurrent layers."""

from triceras.layers.rnn.cells import GRUCell, LSTMCell, SimpleRNNCell
from triceras.layers.rnn.gru import GRU
from triceras.layers.rnn.lstm import LSTM
from triceras.layers.rnn.rnn import RNN
from triceras.layers.rnn.simple_rnn import SimpleRNN

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "SimpleRNN", "SimpleRNNCell"]
