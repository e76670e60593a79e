"""Dense, EinsumDense, Embedding, Identity, Masking, Lambda and what else most models begin with."""

CASES = [
    ("dense", "layers.Dense(3)", ["2,4"], {}),
    ("dense_relu_3d", "layers.Dense(3, activation='relu', use_bias=False)", ["2,5,4"], {}),
    ("dense_softmax", "layers.Dense(6, activation='softmax', kernel_initializer='he_normal')", ["2,4"], {}),
    ("dense_f16", "layers.Dense(3, dtype='float16')", ["2,4"], {}),
    ("dense_mixed", "layers.Dense(3, dtype='mixed_bfloat16')", ["2,4"], {}),
    ("embedding", "layers.Embedding(7, 3)", ["2,4:int32"], {}),
    ("embedding_mask", "layers.Embedding(7, 3, mask_zero=True)", ["2,4:int32"], {}),
    ("masking", "layers.Masking(0.0)", ["2,3,4"], {}),
    ("rescaling", "layers.Rescaling(0.5, offset=1.0)", ["4,3"], {}),
    ("einsum_dense", "layers.EinsumDense('abc,cd->abd', output_shape=(None, 4), bias_axes='d')", ["2,3,5"], {}),
    ("einsum_dots", "layers.EinsumDense('...x,xy->...y', output_shape=4, bias_axes='y')", ["2,3,5"], {}),
    ("identity", "layers.Identity()", ["2,3"], {}),
]  # fmt: skip

MORE = [
    ("lambda", "layers.Lambda(ops.tanh)", ["2,4"], {}),
]  # fmt: skip
