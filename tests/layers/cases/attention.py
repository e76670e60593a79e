"""Attention."""

CASES = [
    ("attention", "layers.MultiHeadAttention(2, 3)", ["2,4,6", "2,5,6"], {}),
    ("attention_causal", "layers.MultiHeadAttention(2, 3, value_dim=4, output_shape=7)", ["2,4,6", "2,4,6"],
     {"use_causal_mask": True}),
    ("attention_scores", "layers.MultiHeadAttention(2, 3, use_bias=False)", ["2,4,6", "2,5,6"],
     {"return_attention_scores": True}),
    ("attention_axes", "layers.MultiHeadAttention(2, 3, attention_axes=(1, 2))", ["2,3,2,6", "2,3,2,6"], {}),
]  # fmt: skip

MORE = []
