"""Layers around objects of one framework: there is none on every backend, and none that an expression makes."""

CASES = []
MORE = []
DIFFERENT = dict.fromkeys(
    ("TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"),
    "lives on one backend; `tests/layers/test_bridges.py` compares it with native code there",
)
