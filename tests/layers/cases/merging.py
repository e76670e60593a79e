"""Layers of several inputs."""

CASES = [
    ("add", "layers.Add()", [["2,3", "2,3", "2,3"]], {}),
    ("add_broadcast", "layers.Add()", [["2,4,3", "2,3"]], {}),
    ("subtract", "layers.Subtract()", [["2,3", "2,3"]], {}),
    ("multiply", "layers.Multiply()", [["2,3", "2,3"]], {}),
    ("average", "layers.Average()", [["2,3", "2,3"]], {}),
    ("maximum", "layers.Maximum()", [["2,3", "2,3"]], {}),
    ("minimum", "layers.Minimum()", [["2,3", "2,3"]], {}),
    ("concatenate", "layers.Concatenate(axis=1)", [["2,3,4", "2,1,4"]], {}),
    ("dot", "layers.Dot(axes=(1, 2), normalize=True)", [["2,3,4", "2,5,3"]], {}),
]  # fmt: skip

MORE = []
