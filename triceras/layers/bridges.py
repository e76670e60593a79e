"""Layers around objects of one framework: modules of PyTorch and Flax, functions of JAX, SavedModels of TensorFlow.

Such a layer lives on its framework's backend and can't leave it. The backend supplies what it is made of (`bridges`).
"""

from __future__ import annotations

import abc
import contextlib
import inspect
from collections.abc import Callable
from typing import Any

from triceras.core.seeds import SeedGenerator
from triceras.layers.binding import unbound_class
from triceras.layers.layer import Layer
from triceras.layers.shapes import traced

__all__ = ["FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"]

_ARGUMENTS = {"call_fn": ("params", "state", "rng", "inputs", "training"), "init_fn": ("rng", "inputs", "training")}


class Bridge(Layer, abc.ABC):
    """A layer around a foreign object; a subclass says what it wraps, and on which backend it lives."""

    wraps: str
    home: str

    def _foreign(self, name: str | None = None) -> Any:
        """What the backend makes it of.

        Raises:
            ValueError: it is another backend's.
        """
        found = self.backend.bridges.get(name or unbound_class(type(self)).__name__)
        if found is None:
            raise ValueError(
                f"{type(self).__name__} wraps {self.wraps} and lives on backend {self.home} alone. Received: the "
                f"current backend is {self.backend.name}. Make the layer, and the model that it belongs to, inside "
                f"`with triceras.use_backend({self.home!r}):`."
            )
        return found

    def _check_move(self, target: Any) -> None:
        raise ValueError(
            f"Layer '{self.path}' is a {type(self).__name__}: it wraps {self.wraps}, which lives on backend "
            f"{self.backend.name} and can't go to {target.name}. Leave the model on {self.backend.name}, or put a "
            "layer written with `triceras.ops` in the place of this one and give it the same weights. Nothing has "
            "moved."
        )

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The specs of the outputs; the framework traces the foreign code, as in inference."""
        return traced(self, args, {**kwargs, "training": False})


class TorchModuleWrapper(Bridge):
    """A `torch.nn.Module` as a layer. It lives on torch.

    Parameters and buffers are the layer's variables, named as the module names them, and stay the module's own tensors.
    With `training` the module is in training mode, without it in evaluation mode; where a call doesn't say, what
    `train()` and `eval()` of the layer set, training at first, as in PyTorch.

    A file holds the module's `state_dict` and, in the config, the pickled module. Reading that runs code, so a model
    with this layer loads only with `safe_mode=False`.

    Inputs and output: those of the module.

    Args:
        module: the module. Lazy ones must have been called once.
        name: unique name.
        output_shape: shape of the output with the batch dimension; PyTorch traces the module by default.
        **kwargs: what every layer takes.

    Raises:
        ValueError: the backend isn't torch, or `module` is no initialized module.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> if "torch" in triceras.core.registry.installed():
        ...     import torch
        ...     with triceras.use_backend("torch"):
        ...         layer = triceras.layers.TorchModuleWrapper(torch.nn.Linear(3, 2))
        ...         assert tuple(layer(np.ones((4, 3), "float32")).shape) == (4, 2)
        ...         assert [w.name for w in layer.weights] == ["weight", "bias"]
    """

    wraps, home = "a PyTorch module", "torch"

    def __init__(self, module: Any, name: str | None = None, output_shape: Any = None, **kwargs: Any):
        super().__init__(name=name, **kwargs)
        with self._naming():
            self._wrapped = self._foreign()(module)
        self.module, self.output_shape = module, output_shape
        for variable in dict.fromkeys(self._wrapped.variables.values()):
            self._own(variable)
        self.allow_non_tensor_positional_args = self.built = True

    def call(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        return self._wrapped(training is not False, args, kwargs)

    def parameters(self, recurse: bool = True) -> Any:
        """The module's parameters."""
        return self.module.parameters(recurse)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return super().compute_output_shape(input_shape) if self.output_shape is None else self.output_shape

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        if self.output_shape is None:
            return super().compute_output_spec(*args, **kwargs)
        return Layer.compute_output_spec(self, *args, **kwargs)

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put the module's `state_dict` into a store."""
        for name, value in self._wrapped.state().items():
            store[name] = value

    def load_own_variables(self, store: dict[str, Any]) -> None:
        """Set the module's state from a store.

        Raises:
            ValueError: it has other entries, or other shapes.
        """
        self._wrapped.load_state(store)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "module": self._wrapped.encode(), "output_shape": self.output_shape}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None, safe_mode: bool | None = None
    ) -> TorchModuleWrapper:
        """Make the layer from its config; it is refused unless `safe_mode` is False, since unpickling runs code."""
        _refuse_code("a pickled `torch.nn.Module`", safe_mode)
        decode = cls._foreign(Layer.__new__(cls)).decode
        return cls(**{**config, "module": decode(config["module"])})

    # --- as a `torch.nn.Module` itself, it shows its tensors in `module` alone ----------------------------------------

    def _native_variables(self) -> list[Any]:
        return []

    def _apply(self, fn: Callable, recurse: bool = True) -> TorchModuleWrapper:
        super()._apply(fn, recurse)
        self._wrapped.adopt()
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._track_native("module", self.module)
        self._wrapped.adopt()


class TFSMLayer(Bridge):
    """An endpoint of a TensorFlow SavedModel as a layer. It lives on TensorFlow.

    The SavedModel's variables are the layer's. A SavedModel is a program: load only those that you trust. A file holds
    the path of it, and loads only with `safe_mode=False`.

    Inputs and output: those of the endpoint.

    Args:
        filepath: the SavedModel's folder.
        call_endpoint: which attribute or signature of it is called.
        call_training_endpoint: the same in training; `call_endpoint` by default.
        trainable: whether its trainable variables are trained.
        name: unique name.
        dtype: a dtype, or a dtype policy.

    Raises:
        ValueError: the backend isn't TensorFlow, or there is no such endpoint.
        OSError: there is no SavedModel.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import triceras
        >>> if "tensorflow" in triceras.core.registry.installed():
        ...     import tensorflow as tf
        ...     module = tf.Module()
        ...     module.double = tf.function(lambda x: 2 * x, input_signature=[tf.TensorSpec((None,), tf.float32)])
        ...     with tempfile.TemporaryDirectory() as folder, triceras.use_backend("tensorflow"):
        ...         tf.saved_model.save(module, folder)
        ...         layer = triceras.layers.TFSMLayer(folder, call_endpoint="double")
        ...         assert layer(np.ones(2, "float32")).numpy().tolist() == [2.0, 2.0]
    """

    wraps, home = "a TensorFlow SavedModel", "tensorflow"

    def __init__(
        self,
        filepath: Any,
        call_endpoint: str = "serve",
        call_training_endpoint: str | None = None,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(trainable=trainable, name=name, dtype=dtype)
        self.filepath, self.call_endpoint, self.call_training_endpoint = filepath, call_endpoint, call_training_endpoint
        with self._naming():
            self._wrapped = self._foreign()(filepath, call_endpoint, call_training_endpoint)
        for variable in self._wrapped.variables:
            self._own(variable)
        self.built = True

    def call(self, inputs: Any, training: bool | None = False, **kwargs: Any) -> Any:
        return self._wrapped(inputs, bool(training), kwargs)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filepath": str(self.filepath),
            "call_endpoint": self.call_endpoint,
            "call_training_endpoint": self.call_training_endpoint,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None, safe_mode: bool | None = None
    ) -> TFSMLayer:
        """Make the layer from its config; it is refused unless `safe_mode` is False, since a SavedModel runs code."""
        _refuse_code("a `TFSMLayer`, which loads a SavedModel from a path in the config", safe_mode)
        return cls(**config)


class JaxLayer(Bridge):
    """A function of JAX as a layer. It lives on JAX.

    `call_fn` takes some of these arguments, in any order, by these names:

    * `params`: a tree of trained parameters;
    * `state`: a tree of what the function itself changes; it then returns `(outputs, new_state)`;
    * `rng`: a key in training, None otherwise;
    * `inputs`: the layer's inputs (needed);
    * `training`: a Python bool.

    `init_fn` makes the parameters (and the state: `(params, state)`) from some of `rng`, `inputs` (ones of the inputs'
    shapes, of size 1 where it isn't known) and `training` (True). Leaves are the layer's variables, named by their
    places; state isn't trained, nor are integers.

    Inputs and output: those of the function.

    Args:
        call_fn: the function.
        init_fn: function that makes what isn't given.
        params, state: trees of arrays to start from.
        seed: integer for the initialization and for `rng`; drawn by default.
        native_serialization_platforms: kept for compatibility: a setting of Keras on TensorFlow.
        **kwargs: what every layer takes.

    Raises:
        ValueError: the backend isn't JAX, a function takes other arguments, or nothing gives the parameters.
        TypeError: a function isn't callable.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> if "jax" in triceras.core.registry.installed():
        ...     import jax
        ...     def init(rng, inputs):
        ...         return {"kernel": jax.random.normal(rng, (inputs.shape[-1], 2))}
        ...     with triceras.use_backend("jax"):
        ...         layer = triceras.layers.JaxLayer(lambda params, inputs: inputs @ params["kernel"], init)
        ...         assert layer(np.ones((4, 3), "float32")).shape == (4, 2)
        ...         assert [w.name for w in layer.weights] == ["kernel"]
    """

    wraps, home = "a function of JAX", "jax"

    def __init__(
        self,
        call_fn: Callable,
        init_fn: Callable | None = None,
        params: Any = None,
        state: Any = None,
        seed: int | None = None,
        native_serialization_platforms: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self._trees = self._foreign("JaxLayer")
        self.call_fn, self.init_fn, self.seed = call_fn, init_fn, seed
        self.native_serialization_platforms = native_serialization_platforms
        self._call_arguments = _arguments("call_fn", call_fn)
        self._init_arguments_taken = _arguments("init_fn", init_fn) if init_fn is not None else ()
        self._keeps = tuple(name for name in ("params", "state") if name in self._call_arguments)
        if self._keeps and init_fn is None and params is None and state is None:
            raise ValueError(
                "`init_fn`, `params` and `state` cannot all be `None` when `call_fn` takes a `params` or a `state` "
                f"argument. Received: call_fn={call_fn}"
            )
        if "rng" in self._call_arguments:
            self.seed_generator = SeedGenerator(seed)
        self._leaves: Any = None
        self._given = {"params": params, "state": state}
        if not any(self._given[name] is None for name in self._keeps):
            self._keep(self._given)

    params = property(lambda self: self._tree("params"))
    state = property(lambda self: self._tree("state"))

    def _tree(self, name: str) -> Any:
        return self._leaves[name].value if self._leaves and name in self._leaves else None

    def build(self, input_shape: Any) -> None:
        if self._leaves is None:
            self._keep({**self._initial(input_shape), **{k: v for k, v in self._given.items() if v is not None}})
        self.built = True

    def _initial(self, input_shape: Any) -> dict[str, Any]:
        """What `init_fn` gives."""
        if self.init_fn is None:
            missing = [name for name in self._keeps if self._given[name] is None]
            raise ValueError(f"JaxLayer '{self.name}': nothing gives `{missing[0]}`. Pass it, or an `init_fn`.")
        inputs = self._trees.example(input_shape, self.compute_dtype)
        values = {"rng": SeedGenerator(self.seed).next(), "inputs": inputs, "training": True}
        made = self.init_fn(*(values[name] for name in self._init_arguments_taken))
        return dict(zip(self._keeps, made, strict=True)) if len(self._keeps) == 2 else dict.fromkeys(self._keeps, made)

    def _keep(self, values: dict[str, Any]) -> None:
        with contextlib.nullcontext() if self._in_own_scope() else self._naming():
            self._leaves = {name: self._trees(values[name], trainable=name == "params") for name in self._keeps}
        for leaves in self._leaves.values():
            for variable in leaves.variables:
                self._own(variable)
        self._given = dict.fromkeys(self._given)  # the Variables have them now

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        values = {name: leaves.value for name, leaves in self._leaves.items()}
        values |= {"inputs": inputs, "training": bool(training), "rng": None}
        if training and "rng" in self._call_arguments:
            values["rng"] = self.seed_generator.next()
        result = self.call_fn(*(values[name] for name in self._call_arguments))
        if "state" not in self._keeps:
            return result
        outputs, state = result
        self._leaves["state"].assign(state)
        return outputs

    def get_config(self) -> dict[str, Any]:
        from triceras.saving import serialize_keras_object

        return {
            **super().get_config(),
            "call_fn": serialize_keras_object(self.call_fn),
            "init_fn": serialize_keras_object(self.init_fn),
            "native_serialization_platforms": self.native_serialization_platforms,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> JaxLayer:
        """Make the layer from its config, in which the functions stand by the names that they are registered under."""
        from triceras.saving import deserialize_keras_object

        functions = {name: deserialize_keras_object(config[name]) for name in ("call_fn", "init_fn") if name in config}
        return cls(**{**config, **functions})


class FlaxLayer(JaxLayer):
    """A `flax.linen.Module` as a layer. It lives on JAX, and needs Flax: `pip install flax`.

    The module's `params` are trained, its other collections (such as `batch_stats`) are state, written back after each
    call. In training, keys are there for `dropout` and all else. `training` goes to a module that has an argument of
    this name.

    Inputs and output: those of the module's method. Several inputs are one tree.

    Args:
        module: the module.
        method: function `(module, inputs)`, maybe with `training`, that calls it; the module's `__call__` by default.
        variables: the module's variables to start from, as `module.init` gives them; made at the first call by default.
        **kwargs: what every layer takes, and `seed`.

    Raises:
        ValueError: the backend isn't JAX, or `module` is no such module.
        ImportError: Flax isn't installed.
        TypeError: `method` isn't callable.

    Example:
        >>> import importlib.util
        >>> import numpy as np
        >>> import triceras
        >>> if importlib.util.find_spec("flax"):
        ...     import flax.linen
        ...     with triceras.use_backend("jax"):
        ...         layer = triceras.layers.FlaxLayer(flax.linen.Dense(2))
        ...         assert layer(np.ones((4, 3), "float32")).shape == (4, 2)
        ...         assert sorted(w.name for w in layer.weights) == ["bias", "kernel"]
    """

    wraps, home = "a Flax module", "jax"

    def __init__(self, module: Any, method: Callable | None = None, variables: Any = None, **kwargs: Any):
        self.module, self.method = module, method
        wrapped = self._foreign("FlaxLayer")(module, method)
        params, state = (None, None) if variables is None else wrapped.split(variables)
        super().__init__(wrapped.call, wrapped.init, params, state, **kwargs)

    def get_config(self) -> dict[str, Any]:
        from triceras.saving import serialize_keras_object

        config = {k: v for k, v in Layer.get_config(self).items() if k not in ("call_fn", "init_fn")}
        return {
            **config,
            "native_serialization_platforms": self.native_serialization_platforms,
            "module": serialize_keras_object(self.module),
            "method": serialize_keras_object(self.method),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FlaxLayer:
        """Make the layer from its config, in which module and method stand by the names they are registered under."""
        from triceras.saving import deserialize_keras_object

        return cls(**{**config, **{name: deserialize_keras_object(config[name]) for name in ("module", "method")}})


def _arguments(role: str, function: Any) -> tuple[str, ...]:
    """The names of a function's arguments, in order.

    Raises:
        ValueError, TypeError: they aren't what a function of that role may take.
    """
    if not callable(function):
        raise TypeError(f"{role}={function!r} is not a callable object")
    names = tuple(inspect.signature(function).parameters)
    allowed = _ARGUMENTS[role]
    unknown = [name for name in names if name not in allowed]
    if unknown:
        raise ValueError(
            f"Unsupported argument in `{role}`: `{unknown[0]}`, supported arguments are "
            f"{', '.join(f'`{name}`' for name in allowed)}"
        )
    if "inputs" not in names:
        raise ValueError(f"Missing required argument in `{role}`: `inputs`. Received arguments: {names}")
    return names


def _refuse_code(what: str, safe_mode: bool | None) -> None:
    """Raise `UnsafeContent` unless the caller, or the load that is under way, trusts the source."""
    from triceras.saving import serialization
    from triceras.saving.errors import UnsafeContent

    with serialization.safe_mode_scope(safe_mode):
        if serialization.in_safe_mode():
            raise UnsafeContent(
                f"Requested the deserialization of {what}. This can run any code and is disallowed by default.",
                hint="If you trust the source, pass `safe_mode=False` to the loading function.",
            )
