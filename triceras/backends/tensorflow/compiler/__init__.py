"""`jit` on TensorFlow: a function is traced into graphs, and each graph that runs long enough is tried with XLA.

`traces.py` keeps the graphs of a function, `xla.py` decides by measurement who runs a graph, `loop.py` puts several
training steps into one graph.
"""

from triceras.backends.tensorflow.compiler.loop import several_steps
from triceras.backends.tensorflow.compiler.traces import compiled

__all__ = ["compiled", "several_steps"]
