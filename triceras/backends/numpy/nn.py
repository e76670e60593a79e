"""NumPy functions of the ops in `ops/nn.py`."""
