"""Dense, EinsumDense, embeddings, Identity, Masking, Lambda and Rescaling; also quantized and with adapters."""

CASES = [
    ("dense", "layers.Dense(3)", ["2,4"], {}),
    ("dense_relu_3d", "layers.Dense(3, activation='relu', use_bias=False)", ["2,5,4"], {}),
    ("dense_softmax", "layers.Dense(6, activation='softmax', kernel_initializer='he_normal')", ["2,4"], {}),
    ("dense_regularized", "layers.Dense(3, kernel_regularizer='l2', bias_constraint='non_neg')", ["2,4"], {}),
    ("dense_f16", "layers.Dense(3, dtype='float16')", ["2,4"], {}),
    ("dense_mixed", "layers.Dense(3, dtype='mixed_bfloat16')", ["2,4"], {}),
    ("dense_lora", "layers.Dense(3, lora_rank=2)", ["2,4"], {}),
    ("dense_int8", "layers.Dense(3, dtype='int8_from_float32')", ["2,4"], {}),
    ("dense_masked", "Sequential([layers.Masking(), layers.Dense(3)])", ["2,3,4"], {}),
    ("einsum_dense", "layers.EinsumDense('abc,cd->abd', output_shape=(None, 4), bias_axes='d')", ["2,3,5"], {}),
    ("einsum_dots", "layers.EinsumDense('...x,xy->...y', output_shape=4, bias_axes='y')", ["2,3,5"], {}),
    ("einsum_heads", "layers.EinsumDense('abc,cde->abde', (None, 2, 3), bias_axes='de')", ["2,3,5"], {}),
    ("einsum_two", "layers.EinsumDense('abcd,cde->abe', (None, 4), activation='relu')", ["2,3,2,3"], {}),
    ("einsum_mixed", "layers.EinsumDense('ab,bc->ac', 3, bias_axes='c', dtype='mixed_float16')", ["2,4"], {}),
    ("einsum_lora", "layers.EinsumDense('abc,cde->abde', (None, 2, 3), lora_rank=2)", ["2,3,5"], {}),
    ("einsum_int8", "layers.EinsumDense('abc,cd->abd', (None, 4), dtype='int8_from_float32')", ["2,3,5"], {}),
    ("embedding", "layers.Embedding(7, 3)", ["2,4:int32"], {}),
    ("embedding_mask", "layers.Embedding(7, 3, mask_zero=True)", ["2,4:int32"], {}),
    ("embedding_floats", "layers.Embedding(7, 3, embeddings_initializer='he_normal')", ["2,4"], {}),
    ("embedding_mixed", "layers.Embedding(7, 3, dtype='mixed_bfloat16')", ["2,4:int32"], {}),
    ("embedding_lora", "layers.Embedding(7, 3, lora_rank=2)", ["2,4:int32"], {}),
    ("embedding_int8", "layers.Embedding(7, 3, dtype='int8_from_float32')", ["2,4:int32"], {}),
    ("reversible", "layers.ReversibleEmbedding(7, 3)", ["2,4:int32"], {}),
    ("reversible_mask", "layers.ReversibleEmbedding(7, 3, tie_weights=False, mask_zero=True)", ["2,4:int32"], {}),
    ("reversed", "layers.ReversibleEmbedding(7, 3)", ["2,4,3"], {"reverse": True}),
    ("reversed_untied", "layers.ReversibleEmbedding(7, 3, tie_weights=False, logit_soft_cap=0.5)", ["2,3"],
     {"reverse": True}),
    ("reversed_mixed", "layers.ReversibleEmbedding(7, 3, reverse_dtype='float32', dtype='mixed_bfloat16')", ["2,3"],
     {"reverse": True}),
    ("reversed_lora", "layers.ReversibleEmbedding(7, 3, lora_rank=2)", ["2,3"], {"reverse": True}),
    ("identity", "layers.Identity()", ["2,3"], {}),
    ("identity_ints", "layers.Identity()", ["2,3:int32"], {}),
    ("identity_mixed", "layers.Identity(dtype='mixed_float16')", ["2,3"], {}),
    ("identity_mask", "Sequential([layers.Masking(), layers.Identity()])", ["2,3,4"], {}),
    ("masking", "layers.Masking(0.0)", ["2,3,4"], {}),
    ("masking_value", "layers.Masking(mask_value=1.0)", ["2,3,1:int32"], {}),
    ("masking_f16", "layers.Masking(dtype='float16')", ["2,3,4"], {}),
    ("masking_4d", "layers.Masking()", ["2,3,2,2"], {}),
    ("rescaling", "layers.Rescaling(0.5, offset=1.0)", ["4,3"], {}),
    ("rescaling_ints", "layers.Rescaling(1 / 255)", ["2,3:int32"], {}),
    ("rescaling_channels", "layers.Rescaling([0.5, 2.0, 1.0], offset=[0.0, 1.0, -1.0])", ["2,2,3"], {}),
    ("rescaling_f16", "layers.Rescaling(2.0, offset=-1.0, dtype='float16')", ["2,3"], {}),
    ("lambda", "layers.Lambda(ops.tanh)", ["2,4"], {}),
    ("lambda_arguments", "layers.Lambda(ops.softmax, arguments={'axis': 1})", ["2,3,4"], {}),
    ("lambda_shape", "layers.Lambda(ops.sigmoid, output_shape=(4,))", ["2,4"], {}),
    ("lambda_mixed", "layers.Lambda(ops.relu, dtype='mixed_bfloat16')", ["2,4"], {}),
]  # fmt: skip

MORE = []

_BUILT_BY_A_CALL = dict.fromkeys(
    ("layers", "build_input_shape"), "a model that was built by a call shows no InputLayer"
)
DIFFERENT = {name: {"config": _BUILT_BY_A_CALL} for name in ("dense_masked", "identity_mask")}
