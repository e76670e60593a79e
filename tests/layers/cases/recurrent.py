"""Cells, recurrent layers and their wrappers."""

from tests.layers.cases.example import example

MASK = {"mask": example("2,4:bool")}
ONE, TWO = [example("2,3")], [example("2,3"), example("2,3", 1)]
ONES = "kernel_initializer='ones', recurrent_initializer='ones'"  # for the state that the first call leaves
ALL = "return_sequences=True, return_state=True"

CASES = [
    # layers with cells of their own
    ("simple_rnn", "layers.SimpleRNN(3, activation='relu')", ["2,4,5"], {}),
    ("simple_rnn_state", f"layers.SimpleRNN(3, {ALL})", ["2,4,5"], {"initial_state": ONE}),
    ("simple_rnn_mask", f"layers.SimpleRNN(3, {ALL}, go_backwards=True)", ["2,4,5"], MASK),
    ("simple_rnn_f16", "layers.SimpleRNN(3, use_bias=False, unroll=True, dtype='mixed_float16')", ["2,4,5"], {}),
    ("lstm", "layers.LSTM(3)", ["2,4,5"], {}),
    ("lstm_all", f"layers.LSTM(3, {ALL}, go_backwards=True)", ["2,4,5"], {"initial_state": TWO}),
    ("lstm_mask", f"layers.LSTM(3, {ALL})", ["2,4,5"], MASK),
    ("lstm_unrolled", "layers.LSTM(3, unroll=True, unit_forget_bias=False)", ["2,4,5"], MASK),
    ("lstm_hard", "layers.LSTM(3, recurrent_activation='hard_sigmoid', use_bias=False)", ["2,4,5"], {}),
    ("lstm_bf16", "layers.LSTM(3, return_sequences=True, dtype='mixed_bfloat16')", ["2,4,5"], {}),
    ("lstm_stateful", f"layers.LSTM(3, stateful=True, {ONES})", ["2,4,5"], {}),
    ("gru", "layers.GRU(3, return_sequences=True)", ["2,4,5"], {}),
    ("gru_before", "layers.GRU(3, reset_after=False, recurrent_activation='hard_sigmoid')", ["2,4,5"], MASK),
    ("gru_no_bias", "layers.GRU(3, use_bias=False, return_state=True)", ["2,4,5"], {"initial_state": ONE}),
    ("gru_mask", "layers.GRU(3, return_sequences=True, go_backwards=True)", ["2,4,5"], MASK),
    ("gru_f16", "layers.GRU(3, dtype='float16')", ["2,4,5"], {}),
    # RNN and cells
    ("rnn_cell", "layers.RNN(layers.GRUCell(3), return_sequences=True)", ["2,4,5"], {}),
    ("rnn_zeros", "layers.RNN(layers.LSTMCell(3), return_sequences=True, zero_output_for_mask=True)", ["2,4,5"],
     MASK),
    ("rnn_list", "layers.RNN([layers.SimpleRNNCell(3), layers.LSTMCell(2)], return_sequences=True)", ["2,4,5"], {}),
    ("rnn_stateful", f"layers.RNN(layers.LSTMCell(3, {ONES}), stateful=True, unroll=True, go_backwards=True)", ["2,4,5"], {}),
    ("stacked", f"layers.RNN(layers.StackedRNNCells([layers.LSTMCell(3), layers.GRUCell(2)]), {ALL})", ["2,4,5"], {}),
    ("stacked_mask", "layers.RNN(layers.StackedRNNCells([layers.GRUCell(3), layers.SimpleRNNCell(2)]),"
     " return_sequences=True)", ["2,4,5"], MASK),
    ("stacked_unrolled", "layers.RNN(layers.StackedRNNCells([layers.GRUCell(3, reset_after=False)]), unroll=True)",
     ["2,4,5"], {}),
    ("stacked_state", "layers.RNN(layers.StackedRNNCells([layers.LSTMCell(3), layers.SimpleRNNCell(2)]))", ["2,4,5"],
     {"initial_state": [TWO, example("2,2")]}),
    ("lstm_cell", "layers.LSTMCell(3, use_bias=False)", ["2,5", ["2,3", "2,3"]], {}),
    ("lstm_cell_f16", "layers.LSTMCell(3, activation='relu', dtype='mixed_float16')", ["2,5", ["2,3", "2,3"]], {}),
    ("gru_cell", "layers.GRUCell(3, recurrent_activation='tanh', bias_regularizer=regularizers.L1(0.5))", ["2,5", ["2,3"]], {}),
    ("simple_cell", "layers.SimpleRNNCell(3, kernel_constraint='non_neg')", ["2,5", ["2,3"]], {}),
    # both directions
    ("both", "layers.Bidirectional(layers.LSTM(3))", ["2,4,5"], {}),
    ("both_mask", "layers.Bidirectional(layers.LSTM(3, return_sequences=True), merge_mode='ave')", ["2,4,5"], MASK),
    ("both_all", f"layers.Bidirectional(layers.GRU(3, {ALL}), merge_mode=None)", ["2,4,5"],
     {"initial_state": [*ONE, *ONE]}),
    ("both_other", "layers.Bidirectional(layers.LSTM(3, return_sequences=True), 'mul',"
     " backward_layer=layers.SimpleRNN(3, return_sequences=True, go_backwards=True))", ["2,4,5"], MASK),
    ("both_cell", "layers.Bidirectional(layers.RNN(layers.SimpleRNNCell(3)), merge_mode='sum')", ["2,4,5"], MASK),
    ("both_f16", "layers.Bidirectional(layers.GRU(3, dtype='mixed_float16'), dtype='mixed_float16')", ["2,4,5"], {}),
    # at each step
    ("steps_dense", "layers.TimeDistributed(layers.Dense(3))", ["2,4,5"], MASK),
    ("steps_conv", "layers.TimeDistributed(layers.Conv2D(2, 2, data_format='channels_last'))", ["2,3,4,4,2"], {}),
    ("steps_model", "layers.TimeDistributed(Sequential([layers.Dense(3), layers.Dense(2)]))", ["2,3,4,5"], {}),
    ("steps_norm", "layers.TimeDistributed(layers.BatchNormalization())", ["3,4,5"], {"training": True}),
    ("steps_rnn", "layers.TimeDistributed(layers.GRU(2))", ["2,3,4,5"], {"mask": example("2,3,4:bool")}),
    ("steps_f16", "layers.TimeDistributed(layers.Dense(3, dtype='mixed_float16'), dtype='mixed_float16')", ["2,4,5"], {}),
    # convolutions
    ("conv_lstm1d", "layers.ConvLSTM1D(3, 2)", ["2,3,5,2"], {}),
    ("conv_lstm1d_all", f"layers.ConvLSTM1D(3, 3, {ALL}, padding='same', strides=2, go_backwards=True)", ["2,3,5,2"],
     {"initial_state": [example("2,3,3"), example("2,3,3", 1)]}),
    ("conv_lstm1d_dilated", "layers.ConvLSTM1D(2, 2, dilation_rate=2, use_bias=False, unroll=True)", ["2,3,5,2"],
     {"mask": example("2,3:bool")}),
    ("conv_lstm1d_f16", "layers.ConvLSTM1D(2, 2, dtype='mixed_float16')", ["2,3,4,2"], {}),
    ("conv_lstm2d", "layers.ConvLSTM2D(2, (2, 3), return_sequences=True)", ["2,3,4,4,2"], {}),
    ("conv_lstm2d_mask", f"layers.ConvLSTM2D(2, 2, {ALL}, strides=(1, 2), padding='same')", ["2,4,3,4,2"], MASK),
    ("conv_lstm2d_hard", "layers.ConvLSTM2D(2, 2, activation='relu', recurrent_activation='hard_sigmoid',"
     " unit_forget_bias=False)", ["2,3,3,4,2"], {}),
    ("conv_lstm2d_stateful", f"layers.ConvLSTM2D(2, 2, stateful=True, {ONES}, dilation_rate=(1, 2))", ["2,3,3,4,2"], {}),
    ("conv_lstm3d", "layers.ConvLSTM3D(2, 2)", ["2,3,3,3,3,1"], {}),
    ("conv_lstm3d_state", "layers.ConvLSTM3D(2, (1, 2, 2), return_state=True, padding='same')", ["2,2,2,3,2,2"], {}),
    ("conv_lstm3d_mask", "layers.ConvLSTM3D(2, 2, strides=(2, 1, 1))", ["2,4,3,2,2,1"], MASK),
    ("conv_lstm3d_back", "layers.ConvLSTM3D(1, 2, return_sequences=True, go_backwards=True)", ["2,2,2,3,2,2"], {}),
]  # fmt: skip

FIRST = "data_format='channels_first'"  # Keras on TensorFlow has no such convolutions on a CPU
MORE = [
    ("conv_lstm1d_first", f"layers.ConvLSTM1D(2, 2, {FIRST})", ["2,3,2,5"], {}),
    ("conv_lstm2d_first", f"layers.ConvLSTM2D(2, 2, {ALL}, {FIRST}, padding='same')", ["2,3,2,3,4"], {}),
    ("conv_lstm3d_first", f"layers.ConvLSTM3D(2, 2, {FIRST})", ["2,2,1,2,3,2"], {}),
    ("lstm_dropout", "layers.LSTM(3, dropout=0.4, recurrent_dropout=0.4, seed=1)", ["2,4,5"], {}),
    ("conv_lstm1d_dropout", "layers.ConvLSTM1D(2, 2, dropout=0.4, recurrent_dropout=0.4, seed=1)", ["2,3,5,2"], {}),
    ("stacked_dropout", "layers.RNN([layers.GRUCell(3, dropout=0.5, seed=1), layers.LSTMCell(2, dropout=0.5, seed=2)])",
     ["2,4,5"], {}),
    ("steps_dropout", "layers.TimeDistributed(layers.Dropout(0.5, seed=1))", ["2,4,5"], {}),
]  # fmt: skip

NO_SEED = {"config": {"seed": "Keras forgets the seed of a SimpleRNN"}}
DIFFERENT = {name: NO_SEED for name, expression, *_ in CASES if "SimpleRNN(" in expression}
DIFFERENT["steps_model"] = {"config": {"layers": "a model that was built by a call shows no InputLayer"}}
