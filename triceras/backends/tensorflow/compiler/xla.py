"""Who runs a graph, TensorFlow's kernels or XLA: the faster of them, by measurement.

XLA's time over that of the kernels, measured on a CPU for training steps: MLP 0.75, a recurrent loop 0.75, Transformer
1.1, convolutions 2.6; compiling takes one to three times as long as tracing does. So nobody knows before, and nobody
should wait: a graph runs on the kernels until that has taken ten times as long as tracing it took; then XLA compiles
it, some calls are run by each in turn, and the faster one stays. On a CPU this is spared where kernels take long for
what they compute, not for being called: XLA has nothing better there, and compiling takes memory. The two differ by
rounding errors: with `jit_compile=False`, or with TensorFlow's determinism of operations, two runs of a program give
the same bits.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.config import is_op_determinism_enabled

PATIENCE = 10.0  # times what tracing took
TURNS = 10
BUSY = 1e-5  # seconds that kernels of a graph take on average, without loops: from here on XLA isn't tried on a CPU

# Operations that do something else under XLA, or can't be compiled: other random numbers, no checks, Python, tables.
OTHERWISE = re.compile(
    r"Random(?!UniformFullIntV2|GetKeyCounter|GetAlg)|Multinomial|TruncatedNormal|Assert|CheckNumerics|Print|PyFunc"
    r"|Lookup|HashTable|Iterator|Dataset|String|Summary|BlockLSTM|CudnnRNN"
)
SLOW_ON_CPU = re.compile(r"Conv[23]D|DepthwiseConv2d")


class Contest:
    """Runs a graph; the kernels at first, later whoever is faster.

    Args:
        graph: a traced function all of whose inputs have known shapes, so that XLA compiles it only once.
        kernels: runs it on a list of tensors.
        caller: makes such a function of a traced function.
        tracing: seconds that tracing took.
    """

    def __init__(self, graph: Any, kernels: Callable, caller: Callable, tracing: float):
        self.graph, self.kernels, self.caller = graph, kernels, caller
        self.seconds, self.calls, self.patience = 0.0, 0, PATIENCE * tracing
        self.xla: Callable | None = None
        self.winner: Callable | None = None
        self.times: tuple[list[float], list[float]] = ([], [])

    def __call__(self, tensors: list[Any]) -> list[Any]:
        if self.winner is not None:
            return self.winner(tensors)
        if self.xla is not None:
            return self._turn(tensors)
        if self.seconds > self.patience:
            return self._first_by_xla(tensors)
        begun = time.perf_counter()
        result = self.kernels(tensors)
        self.seconds += time.perf_counter() - begun
        self.calls += 1
        return result

    def _first_by_xla(self, tensors: list[Any]) -> list[Any]:
        if not suits_xla(self.graph, self.seconds / self.calls):
            return self._settle(self.kernels)(tensors)
        try:
            self.xla = self.caller(by_xla(self.graph))
            return self.xla(tensors)  # compiles all of it before anything runs
        except Exception:  # something in it can't be compiled
            return self._settle(self.kernels)(tensors)

    def _turn(self, tensors: list[Any]) -> list[Any]:
        kernels, xla = self.times
        turn, times = (self.kernels, kernels) if len(kernels) == len(xla) else (self.xla, xla)
        tf.test.experimental.sync_devices()
        begun = time.perf_counter()
        result = turn(tensors)
        tf.test.experimental.sync_devices()
        times.append(time.perf_counter() - begun)
        if len(xla) == TURNS:
            self._settle(self.xla if min(xla) < min(kernels) else self.kernels)
        return result

    def _settle(self, winner: Callable) -> Callable:
        self.winner = winner
        return winner


def suits_xla(graph: Any, seconds: float) -> bool:
    """Whether XLA would compute the same and may be faster, as far as a traced function's operations tell.

    Args:
        graph: a traced function.
        seconds: what a call takes on the kernels.
    """
    definition = graph.graph.as_graph_def()
    functions = [definition, *definition.library.function]
    nodes = [node for f in functions for node in (f.node if f is definition else f.node_def)]
    kinds = " ".join({node.op for node in nodes})
    on_cpu = not tf.config.list_logical_devices("GPU")
    if is_op_determinism_enabled() or OTHERWISE.search(kinds):
        return False
    if on_cpu and (SLOW_ON_CPU.search(kinds) or ("While" not in kinds and seconds > BUSY * len(nodes))):
        return False
    return not any(a.type == tf.string.as_datatype_enum for node in nodes for a in node.attr.values())


def by_xla(graph: Any) -> Any:
    """A traced function of the same inputs that XLA compiles at its first call; the function isn't traced again."""
    specs = [tf.TensorSpec(x.shape, x.dtype) for x in graph.inputs[: len(graph.inputs) - len(graph.captured_inputs)]]
    function = tf.function(lambda *tensors: graph(*tensors), autograph=False, jit_compile=True)
    return function.get_concrete_function(*specs)
