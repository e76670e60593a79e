"""Cells, recurrent layers and their wrappers."""

CASES = [
    ("simple_rnn", "layers.SimpleRNN(3, activation='relu')", ["2,4,5"], {}),
    ("simple_rnn_state", "layers.SimpleRNN(3, return_sequences=True, return_state=True)", ["2,4,5"], {}),
    ("lstm", "layers.LSTM(3)", ["2,4,5"], {}),
    ("lstm_all", "layers.LSTM(3, return_sequences=True, return_state=True, go_backwards=True)", ["2,4,5"], {}),
    ("lstm_unrolled", "layers.LSTM(3, unroll=True, unit_forget_bias=False)", ["2,4,5"], {}),
    ("gru", "layers.GRU(3, return_sequences=True)", ["2,4,5"], {}),
    ("gru_before", "layers.GRU(3, reset_after=False, recurrent_activation='hard_sigmoid')", ["2,4,5"], {}),
    ("gru_no_bias", "layers.GRU(3, use_bias=False, return_state=True)", ["2,4,5"], {}),
    ("rnn_cell", "layers.RNN(layers.GRUCell(3), return_sequences=True)", ["2,4,5"], {}),
]  # fmt: skip

MORE = [
    ("lstm_cell", "layers.RNN(layers.LSTMCell(3))", ["2,3,4"], {}),
    ("simple_cell", "layers.RNN(layers.SimpleRNNCell(3))", ["2,3,4"], {}),
]  # fmt: skip
