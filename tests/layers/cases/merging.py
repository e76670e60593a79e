"""Layers of several inputs."""

TWO, THREE, LOWER, SIDE = ["2,3", "2,3"], ["2,3", "2,3", "2,3"], ["2,4,3", "2,3"], ["2,1,3", "2,4,1"]

CASES = [
    *(
        (f"{name.lower()}{suffix}", f"layers.{name}({options})", [shapes], {})
        for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")
        for suffix, options, shapes in (
            ("", "", THREE),
            ("_one", "", ["2,3"]),
            ("_ranks", "", LOWER),
            ("_broadcast", "", SIDE),
            ("_f16", "dtype='float16'", TWO),
        )
    ),
    ("subtract", "layers.Subtract()", [TWO], {}),
    ("subtract_ranks", "layers.Subtract()", [LOWER], {}),
    ("subtract_broadcast", "layers.Subtract()", [SIDE], {}),
    ("subtract_f16", "layers.Subtract(dtype='mixed_bfloat16')", [TWO], {}),
    ("add_int", "layers.Add()", [["2,3:int32", "2,3:int32"]], {}),
    ("concatenate", "layers.Concatenate(axis=1)", [["2,3,4", "2,1,4"]], {}),
    ("concatenate_default", "layers.Concatenate()", [["2,3,4", "2,3,1", "2,3,2"]], {}),
    ("concatenate_one", "layers.Concatenate()", [["2,3"]], {}),
    ("concatenate_negative", "layers.Concatenate(axis=-2, name='joined')", [["2,3,4", "2,1,4"]], {}),
    ("concatenate_f16", "layers.Concatenate(dtype='float16')", [TWO], {}),
    ("dot", "layers.Dot(axes=(1, 2), normalize=True)", [["2,3,4", "2,5,3"]], {}),
    ("dot_vectors", "layers.Dot(axes=1)", [TWO], {}),
    ("dot_negative", "layers.Dot(axes=-1)", [["2,3,4", "2,5,4"]], {}),
    ("dot_ranks", "layers.Dot(axes=[2, 1])", [["2,3,4", "2,4"]], {}),
    ("dot_4d", "layers.Dot(axes=(2, 2))", [["2,3,4,5", "2,3,4"]], {}),
    ("dot_f16", "layers.Dot(axes=1, dtype='float16')", [TWO], {}),
]  # fmt: skip

MORE = []
