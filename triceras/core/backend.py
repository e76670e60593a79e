"""`Backend`: what a framework must supply. Written once for each under `backends/<name>/`, or by a plug-in."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

from triceras.core import dtypes, placement
from triceras.core.spec import Spec


class Backend(abc.ABC):
    """A framework behind the common interface.

    Ops are plain functions in the modules that `modules` lists, looked up by name; the transforms and all else are
    methods. Functions of ops receive ready tensors of the backend, already promoted.
    """

    name: str
    tensor_types: tuple[type, ...]
    modules: tuple[Any, ...] = ()
    rank = 0  # who wins when tensors of different backends meet: symbolic 2, abstract 1, values 0; sparse 0.5 more
    sparse: Any = None  # what runs ops on sparse tensors, where there are such: see `backends/sparse.py`
    layer_mixin: type | None = None  # a class that layers on this backend also inherit
    bridges: dict[str, Any] = {}  # what wraps the framework's own objects in layers, by the layers' class names
    seed_dtype = "uint32"
    has_gradients = True
    jit_takes_arrays = False  # whether compiled functions take NumPy arrays at less cost than `convert`

    def __init__(self) -> None:
        from triceras.ops.op import Implementations

        self.home, self.impls = self, Implementations(self)

    def find(self, name: str) -> Callable | None:
        """The backend's own function for an op, or None."""
        for module in self.modules:
            function = getattr(module, name, None)
            if function is not None:
                return function
        return None

    # --- tensors ---------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def convert(self, x: Any, dtype: str | None = None) -> Any:
        """A tensor of this backend from numbers, lists, arrays or any backend's tensor; no copy where none is due."""

    @abc.abstractmethod
    def to_numpy(self, x: Any) -> Any:
        """A NumPy array with the values of one of our tensors."""

    @abc.abstractmethod
    def cast(self, x: Any, dtype: str) -> Any:
        """One of our tensors in another dtype."""

    def shape(self, x: Any) -> tuple[int | None, ...]:
        """The static shape of one of our tensors; None where only the running graph knows."""
        return tuple(x.shape)

    def dtype(self, x: Any) -> str:
        """The standard dtype name of one of our tensors."""
        return dtypes.standardize_dtype(x.dtype)

    def canonical_dtype(self, dtype: str) -> str:
        """The dtype that is kept here where `dtype` is asked for (JAX has 64-bit types only on request)."""
        return dtype

    def spec(self, x: Any) -> Spec:
        """The shape and dtype of one of our tensors."""
        return Spec(self.shape(x), self.dtype(x))

    def is_traced(self, x: Any) -> bool:
        """Whether a tensor stands for values in a graph that is being traced, so that Python can't read them."""
        return False

    # --- variables -------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def new_value(self, value: Any, dtype: str, trainable: bool) -> Any:
        """What a Variable holds: made from an array, with storage of its own."""

    @abc.abstractmethod
    def assign(self, native: Any, value: Any) -> Any:
        """Write a ready tensor into a Variable's native value, in place where it can be; returns what it holds then."""

    def set_trainable(self, native: Any, trainable: bool) -> Any:
        """The native value after its Variable became trainable or frozen."""
        return native

    def protocol(self, variable: Any, name: str) -> Any:
        """An attribute by which this framework recognises a Variable as its own; AttributeError if `name` is none."""
        raise AttributeError(name)

    # --- transforms ------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def jit(self, fn: Callable, variables: Any = None, donate: bool = True, **options: Any) -> Callable:
        """A compiled `fn`; see `triceras.jit`."""

    def several_steps(
        self, step: Callable, one: Callable, only_last: bool, variables: Any = None, **options: Any
    ) -> Callable[[list[Any]], list[Any]]:
        """A function that runs a step on several batches in turn: one compiled loop, where the framework has such.

        Args:
            step: takes a batch, reads and assigns Variables; not compiled. A loop traces it once for any number.
            one: `step`, compiled; for batches of unequal shapes or structure, or that can't be stacked.
            only_last: whether the results of the last batch will do.
            variables, options: what `jit` takes.

        Returns:
            A function of a list of batches. It gives a list of results in the batches' order: of the last one where
            that will do; else of each, or of fewer, whose tensors are joined along their first axis.
        """
        return lambda batches: [one(batch) for batch in batches]

    @abc.abstractmethod
    def value_and_grad(self, fn: Callable, variables: Any = None, has_aux: bool = False, argnums: Any = 0) -> Callable:
        """See `triceras.value_and_grad`."""

    def without_gradients(self, fn: Callable) -> Callable:
        """`fn`, where nothing it computes will be differentiated: spares a framework with a tape its bookkeeping."""
        return fn

    @abc.abstractmethod
    def vmap(self, fn: Callable, in_axes: Any = 0, out_axes: Any = 0) -> Callable:
        """See `triceras.vmap`."""

    @abc.abstractmethod
    def scan(
        self, f: Callable, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1
    ) -> Any:
        """See `ops.scan`."""

    @abc.abstractmethod
    def while_loop(self, cond: Callable, body: Callable, loop_vars: Any, maximum_iterations: Any = None) -> Any:
        """See `ops.while_loop`."""

    @abc.abstractmethod
    def fori_loop(self, lower: Any, upper: Any, body_fun: Callable, init_val: Any) -> Any:
        """See `ops.fori_loop`."""

    @abc.abstractmethod
    def cond(self, pred: Any, true_fn: Callable, false_fn: Callable) -> Any:
        """See `ops.cond`."""

    @abc.abstractmethod
    def stop_gradient(self, x: Any) -> Any:
        """The same values, through which no gradient flows."""

    @abc.abstractmethod
    def custom_gradient(self, f: Callable) -> Callable:
        """See `ops.custom_gradient`."""

    @abc.abstractmethod
    def checkpoint(self, fn: Callable) -> Callable:
        """`fn`, whose inner results are computed again in the backward pass instead of being kept."""

    @abc.abstractmethod
    def eval_shape(self, fn: Callable, *specs: Any) -> Any:
        """What `fn` gives for tensors of these specs, as specs; runs native framework code without computing."""

    # --- the machine -----------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def device_names(self) -> list[str]:
        """The devices, such as `cpu:0`."""

    def device(self, name: str) -> Any:
        """A context manager that puts new tensors onto a device."""
        raise NotImplementedError(f"Backend {self.name} has no devices to choose from.")

    def synchronize(self) -> None:
        """Wait until everything that was asked of the devices is done."""
        return None

    @abc.abstractmethod
    def version(self) -> str:
        """The framework's version."""

    def compiler_notes(self) -> list[tuple[str, str]]:
        """What compiling needs here and whether it is there: (what, what is found), for `triceras doctor`."""
        return []

    def settled(self, compiled: Callable) -> bool:
        """Whether a function that `jit` gave has become as fast as it will, so that measuring it may begin."""
        return True

    # --- distribution ------------------------------------------------------------------------------------------------

    def engine(self) -> Any:
        """What spreads work over devices and processes: a `triceras.distribution.engine.Engine`."""
        raise NotImplementedError(f"Backend {self.name} runs on one device; it has nothing to distribute with.")

    def place_batch(self, batch: Any) -> Any:
        """A batch on its way into a step."""
        distribution = placement.in_force(self)
        return batch if distribution is None or self.engine().per_replica else self.engine().batch(batch, distribution)

    def seed_framework(self, seed: int) -> None:
        """Seed the framework's own generator, for user code that draws from it."""
        return None
