"""`Layer`: the base class of everything that has weights and a `call`."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from typing import Any

import numpy as np

from triceras import dtype_policies
from triceras.core import dtypes, masks, naming, placement, registry, tree
from triceras.core.graph import Node, Operation, has_symbolic, to_keras_tensors, to_specs
from triceras.core.scope import local, use_backend
from triceras.core.seeds import SeedGenerator
from triceras.core.spec import Spec
from triceras.core.variable import Variable, autocast_scope
from triceras.layers import binding
from triceras.layers.call import CallContext, by_name, convert_inputs, explain, fill_masks, masks_of, signature_of
from triceras.layers.input_spec import check_inputs
from triceras.layers.shapes import declared, holds_sparse, holds_tensors, shapes_of, to_shape, traced


class Layer(Operation, metaclass=binding.LayerType):
    """A callable with weights that are made at its first call, when the input's shape is known.

    A subclass makes its weights in `build(input_shape)` with `add_weight` and computes in `call(inputs)`, with
    `triceras.ops`. Layers, variables, seed generators and metrics that it keeps as attributes, also in lists and dicts,
    are found by themselves. A layer belongs to the backend that is current when it is made; `to_backend` moves it.

    Args:
        activity_regularizer: regularizer of the outputs.
        trainable: whether its weights are trained.
        dtype: a dtype, or a dtype policy such as `"mixed_bfloat16"`.
        autocast: whether floating inputs are cast to the compute dtype.
        name: unique name.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> class Scale(triceras.Layer):
        ...     def build(self, input_shape):
        ...         self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
        ...     def call(self, inputs):
        ...         return inputs * self.scale
        >>> layer = Scale()
        >>> tuple(layer(np.ones((2, 3))).shape), [w.path for w in layer.weights]
        ((2, 3), ['scale/scale'])
    """

    compute_dtype: str = "float32"
    input_spec: Any = None
    supports_masking = False
    _layers_carry_masks = False  # as they do in a model

    def __new__(cls, *args: Any, **kwargs: Any) -> Layer:
        self = binding.create(cls, registry.current())
        state = self.__dict__
        state["_constructed_with"] = (args, kwargs)
        state["_tracked"], state["_own_variables"], state["_losses"], state["_held_order"] = {}, [], [], []
        state["_settled"] = state["built"] = False
        state["_last_plain_call"] = None  # type, dtype and shape of the last plain call's input
        return self

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ):
        if name is None:
            name = naming.auto_name(type(self).__name__)
        super().__init__(name=name)
        input_shape = kwargs.pop("input_shape", None)
        if "input_dim" in kwargs:
            input_shape = (kwargs.pop("input_dim"),)
        if input_shape is not None:
            self._input_shape_argument = tuple(input_shape)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")
        from triceras import regularizers

        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._path = self.name
        self.dtype_policy = dtype_policies.get(dtype)
        self.autocast = autocast
        self._trainable = bool(trainable)
        self._loss_call = 0
        self.input_spec = None
        self.supports_masking = self._makes_masks() or bool(self.__dict__.get("supports_masking", False))
        self.allow_non_tensor_positional_args = False

    # --- attributes ------------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__["_last_plain_call"] = None
        descriptor = getattr(type(self), name, None)
        if isinstance(descriptor, property) and descriptor.fset is not None:
            descriptor.fset(self, value)
            return
        object.__setattr__(self, name, value)
        if name == "_tracked" or name in _UNTRACKED:
            return
        tracked = self.__dict__.get("_tracked")
        if tracked is None:
            return
        if isinstance(value, _TRACKED_TYPES) or hasattr(value, "update_state"):
            tracked[name] = value
            binding.in_order(self)
        else:
            tracked.pop(name, None)
        if self.backend.layer_mixin is not None:
            self._track_native(name, value)

    def __delattr__(self, name: str) -> None:
        self._tracked.pop(name, None)
        object.__delattr__(self, name)

    def _sublayers(self) -> list[Layer]:
        """The layers that this one holds itself."""
        return binding.held(self, (Layer,))

    _layers = property(lambda self: self._sublayers())

    def _state_holders(self) -> list[Any]:
        """What it holds that has state and is no layer: seed generators and metrics."""
        return [x for x in binding.in_order(self) if not isinstance(x, (Layer, Variable))]

    def _flatten_layers(self) -> list[Layer]:
        """This layer and all below it, each once, parents first."""
        found: dict[int, Layer] = {}
        stack: list[Layer] = [self]
        while stack:
            layer = stack.pop()
            if id(layer) not in found:
                found[id(layer)] = layer
                stack.extend(reversed(layer._sublayers()))
        return list(found.values())

    @property
    def path(self) -> str:
        """The names of the layers around it and its own, joined with `/`."""
        return self._path

    @property
    def dtype_policy(self) -> dtype_policies.DTypePolicy:
        """The dtype policy."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        policy = dtype_policies.get(value)
        own = policy.at(self._path)
        self.__dict__.update(
            _dtype_policy=policy,
            _own_policy=own,
            compute_dtype=own.compute_dtype,
            _reads_in=own.compute_dtype if own.compute_dtype != own.variable_dtype else None,
        )

    dtype = variable_dtype = property(lambda self: self._own_policy.variable_dtype)
    input_dtype = property(lambda self: self.compute_dtype)
    quantization_mode = property(lambda self: self._own_policy.quantization_mode)

    # --- variables -------------------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights; called once, before the first call. Override it.

        Args:
            input_shape: shape of the first input, or name several inputs' shapes: `build(self, query_shape,
                value_shape)`.
        """
        self.built = True

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Make a variable that belongs to this layer.

        Args:
            shape: dimensions; `()` by default.
            initializer: an initializer or its name; `glorot_uniform` for floats, `zeros` for others by default.
            dtype: standard name; the layer's variable dtype by default.
            trainable: whether it is trained.
            autocast: whether it is read in the compute dtype.
            regularizer: regularizer or its name.
            constraint: constraint or its name.
            aggregation: see `Variable`.
            overwrite_with_gradient: whether the optimizer replaces it by its gradient.
            name: without "/".

        Returns:
            The `Variable`.
        """
        from triceras import constraints, initializers, regularizers

        dtype = dtype or self.variable_dtype
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
        with contextlib.nullcontext() if self._in_own_scope() else self._naming(), use_backend(self.backend):
            variable = Variable(
                initializers.get(initializer),
                shape=() if shape is None else shape,
                dtype=dtype,
                trainable=trainable,
                autocast=autocast,
                aggregation=aggregation,
                name=name,
            )
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        self._own(variable)
        return variable

    def add_variable(
        self,
        shape: Any,
        initializer: Any,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> Variable:
        """The same as `add_weight`."""
        return self.add_weight(shape, initializer, dtype, trainable, autocast, regularizer, constraint, name=name)

    def _own(self, variable: Variable) -> None:
        self._own_variables.append(variable)
        binding.in_order(self)
        if not self._trainable and _made_trainable(variable):
            variable.trainable = False
        if self.backend.layer_mixin is not None:
            self._track_variable(variable.name, variable)

    def _in_own_scope(self) -> bool:
        return bool(local.names) and local.names[-1] == self.name

    def _variables_of_its_own(self) -> list[Variable]:
        """Trainable ones first, each kind in the order of making; also variables set as attributes."""
        own = binding.held(self, (Variable,))
        if passing := set(map(id, self._passing_state())):
            own = [v for v in own if id(v) not in passing]
        return sorted(own, key=lambda v: not _made_trainable(v))

    def _passing_state(self) -> list[Variable]:
        """A hook: variables that are no weights and go into no file."""
        return []

    def _collect(self, seeds: bool = False) -> list[Variable]:
        found: dict[int, Variable] = {}
        for layer in self._flatten_layers():
            for variable in layer._variables_of_its_own():
                found.setdefault(id(variable), variable)
            if seeds:
                for variable in layer._passing_state():
                    found.setdefault(id(variable), variable)
                for generator in binding.held(layer, (SeedGenerator,)):
                    found.setdefault(id(generator.state), generator.state)
        return list(found.values())

    @property
    def variables(self) -> list[Variable]:
        """All variables of this layer and those inside it, also states of seed generators and stateful RNNs."""
        return self._collect(seeds=True)

    @property
    def weights(self) -> list[Variable]:
        """As `variables`, without the states of seed generators and stateful RNNs."""
        return self._collect()

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that training changes."""
        return [v for v in self.variables if v.trainable] if self.trainable else []

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The variables that training leaves alone, also the states of seed generators."""
        return [v for v in self.variables if not v.trainable] if self.trainable else self.variables

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes."""
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training leaves alone."""
        return [v for v in self.weights if not v.trainable] if self.trainable else self.weights

    @property
    def metrics(self) -> list[Any]:
        """The metrics kept in this layer and those inside it."""
        found = {
            id(x): x for layer in self._flatten_layers() for x in layer._state_holders() if hasattr(x, "update_state")
        }
        return list(found.values())

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of `metrics`."""
        return [v for metric in self.metrics for v in metric.variables]

    @property
    def trainable(self) -> bool:
        """Whether training changes this layer; setting it sets those inside, too. Compile again afterwards."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = bool(value)
        for layer in self._flatten_layers():
            layer._trainable = value
            for variable in layer._variables_of_its_own():
                if _made_trainable(variable):
                    variable.trainable = value

    def get_weights(self) -> list[np.ndarray]:
        """The weights as NumPy arrays, in the order of `weights`."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        """Set the weights from arrays in the order of `weights`.

        Raises:
            ValueError: another number of arrays, or a shape that differs; nothing is changed then.
        """
        own = self.weights
        if len(own) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of length "
                f"{len(weights)}, but the layer was expecting {len(own)} weights."
            )
        for variable, value in zip(own, weights, strict=True):
            if tuple(np.shape(value)) != variable.shape:
                raise ValueError(
                    f"Layer {self.name} weight shape {variable.shape} is not compatible with provided weight shape "
                    f"{tuple(np.shape(value))} ({variable.path})."
                )
        for variable, value in zip(own, weights, strict=True):
            variable.assign(value)

    def count_params(self) -> int:
        """How many numbers the weights hold.

        Raises:
            ValueError: the layer isn't built.
        """
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't built. You can build "
                "it manually via: `layer.build(input_shape)`."
            )
        return sum(int(np.prod(v.shape)) for v in self.weights)

    # --- calling ---------------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        call = local.call
        if call is not None:
            if call.backend is not self.backend:
                self._refuse(call)
            return self._call_inside(call, args, kwargs)
        call = local.call = CallContext(self)
        before, local.backend = local.backend, self.backend
        try:
            return self._call_inside(call, args, kwargs)
        finally:
            local.call, local.backend = None, before

    def _refuse(self, call: CallContext) -> None:
        raise ValueError(
            f"Layer '{self.path}' lives on backend {self.backend.name}, but it is called inside "
            f"'{call.entry.path}', which lives on {call.backend.name}. Move one of them: "
            f"`layer.to_backend({call.backend.name!r})`, or give each model its own layer with `clone_model`."
        )

    def _call_inside(self, call: CallContext, args: tuple, kwargs: dict[str, Any]) -> Any:
        seen, x = self._last_plain_call, args[0] if len(args) == 1 else None
        if seen is None or kwargs or type(x) is not seen[0] or masks.any_masks():
            return self._call_anew(call, args, kwargs)
        _, dtype, shape, takes_training, default = seen
        if x.dtype != dtype or x.shape != shape:
            return self._call_anew(call, args, kwargs)
        # The usual call: one tensor of the type, dtype and shape of last time, for which all was found in order.
        outer = training = call.training
        if outer is None:
            own = self.__dict__.get("training")
            call.training = training = default if own is None else own
        try:
            return self._run(args, {"training": training} if takes_training and training is not None else kwargs)
        finally:
            call.training = outer

    def _remember(self, signature: Any, x: Any, converted: Any) -> None:
        """Take note of a call after which another like it needs no more checks."""
        plain = converted is x and isinstance(x, self.backend.tensor_types) and not isinstance(x, Spec)
        simple = self._settled and self.activity_regularizer is None and not self._makes_masks()
        if plain and simple and placement.in_force() is None:
            takes = signature.training and signature.names[:1] != ("training",)
            self.__dict__["_last_plain_call"] = (type(x), x.dtype, x.shape, takes, signature.default_training)

    def _call_anew(self, call: CallContext, args: tuple, kwargs: dict[str, Any]) -> Any:
        if "_dtype_policy" not in self.__dict__:
            raise RuntimeError(
                f"In layer {type(self).__name__}, you forgot to call `super().__init__()` as the first statement in "
                "the `__init__()` method."
            )
        self._find_path()
        signature = signature_of(type(self).call)
        alone = args[0] if len(args) == 1 and not kwargs else None
        args, kwargs = convert_inputs(self, args, kwargs)
        training = call.training if (given := kwargs.get("training")) is None else given
        if training is None:
            training = self.__dict__.get("training")  # set by `train()` and `eval()` of a torch module
        if training is None:
            training = signature.default_training
        if has_symbolic(args, kwargs):
            return self._call_symbolic(call, signature, args, kwargs)
        masked = masks.any_masks()
        previous = masks_of(args[0] if args else next(iter(kwargs.values()), None)) if masked else None
        if masked and signature.mask_of:
            fill_masks(signature, args, kwargs)
        if "mask" in signature.mask_of and kwargs.get("mask") is not None:
            previous, masked = kwargs["mask"], True
        if signature.training and "training" not in signature.names[: len(args)]:
            if training is not None:
                kwargs["training"] = training
        elif not signature.open:
            kwargs.pop("training", None)
        outer, call.training = call.training, training
        try:
            outputs = self._checked(signature, args, kwargs)
        finally:
            call.training = outer
        if (distribution := placement.in_force(self.backend)) is not None:
            outputs = distribution.relaid(self.path, outputs)
        if self.activity_regularizer is not None:
            self._regularize_outputs(outputs)
        if masked or self._makes_masks():
            self._set_masks(args, outputs, previous)
        elif alone is not None:
            self._remember(signature, alone, args[0])
        return outputs

    def _checked(self, signature: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Run `call` on inputs that must fit; the first time, after making the weights."""
        if self._settled:
            self._check_specs(args, kwargs)
            return self._run(args, kwargs)
        with self._naming():
            self._prepare(signature, args, kwargs)
            self._check_specs(args, kwargs)
            outputs = self._run(args, kwargs)
        self._settled = self.built
        return outputs

    def _check_specs(self, args: tuple, kwargs: dict[str, Any]) -> None:
        if self.input_spec is not None:
            check_inputs(self.input_spec, args[0] if args else next(iter(kwargs.values())), self.name)

    def _run(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        reads_in = self._reads_in
        try:
            if local.autocast == reads_in:
                return self.call(*args, **kwargs)
            with autocast_scope(reads_in):
                return self.call(*args, **kwargs)
        except Exception as error:
            new = explain(self, error, args, kwargs)
            raise new from (error if new is not error else error.__cause__)

    def _naming(self) -> Any:
        """The name scope of this layer, entered at the first calls, when variables inside it are made."""
        return naming.name_scope(self.name)

    def _find_path(self) -> None:
        """Before the first call: note which names are around it, and which of several dtype policies is its own."""
        if not self._settled:
            with self._naming():
                self._path = naming.current_path()
            self.dtype_policy = self._dtype_policy

    def _prepare(self, signature: Any, args: tuple, kwargs: dict[str, Any]) -> None:
        """Before the first call: check the inputs and make the weights."""
        if self.built:
            return
        self._check_specs(args, kwargs)
        shapes = {
            name: shapes_of(value)
            for name, value in by_name(signature, args, kwargs).items()
            if not name.endswith("mask") and holds_tensors(value)
        }
        self._build(shapes)
        self._check_made()

    def _build(self, shapes: dict[str, Any]) -> None:
        """Call `build` with the shapes that it asks for; `shapes` is by `call`'s parameter names."""
        parameters = signature_of(type(self).build).names
        wanted = {f"{name}_shape": shape for name, shape in shapes.items()}
        first = next(iter(shapes.values()), None)
        with autocast_scope(None):
            if len(parameters) <= 1 and not (parameters and parameters[0] in wanted):
                self.build(first)
                self._build_shapes = {"input_shape": first}
            else:
                chosen = {name: wanted.get(name) for name in parameters if name in wanted}
                if parameters[0] not in chosen:
                    chosen[parameters[0]] = first
                self.build(**chosen)
                self._build_shapes = chosen if len(chosen) > 1 else {"input_shape": first}
        self.built = True

    def _check_made(self) -> None:
        """A hook: what must hold once the layer is built."""

    def _call_symbolic(self, call: CallContext, signature: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        with self._naming():
            specs, named = convert_inputs(self, *to_specs((args, kwargs)))
            if not signature.training and not signature.open:
                named.pop("training", None)
            self._prepare(signature, specs, named)
            self._check_specs(specs, named)
            outputs = to_keras_tensors(self.compute_output_spec(*specs, **named))
        self._settled = self.built
        Node(self, args, kwargs, outputs)
        return outputs

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Record a node of a functional graph and return its symbolic outputs."""
        return self(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation. Override it.

        Args:
            *args: tensors. Parameters named `training` and `mask` are passed by themselves.
        """
        raise NotImplementedError(f"Layer {type(self).__name__} does not have a `call()` method implemented.")

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The specs of the outputs for specs of the inputs.

        They come from `compute_output_shape` if that is overridden; else `call` runs on the specs, and as a last resort
        the framework traces it.
        """
        if type(self).compute_output_shape is not Layer.compute_output_shape and not holds_sparse((args, kwargs)):
            return declared(self, args, kwargs)
        return traced(self, args, kwargs)

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The shape of the output for the shape (or shapes) of the input; shapes only, nothing is computed."""
        specs = tree.map_shape_structure(lambda s: Spec(s, self.compute_dtype), (args, kwargs))
        return shapes_of(self.compute_output_spec(*specs[0], **specs[1]))

    # --- masks -----------------------------------------------------------------------------------------------------

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output; the input's own by default."""
        return previous_mask

    def _makes_masks(self) -> bool:
        return type(self).compute_mask is not Layer.compute_mask

    def _set_masks(self, args: tuple, outputs: Any, previous: Any) -> None:
        if not self.supports_masking:
            if previous is not None and not self._layers_carry_masks:
                warnings.warn(
                    f"Layer '{self.name}' (of type {type(self).__name__}) was passed an input with a mask attached "
                    "to it. However, this layer does not support masking and will therefore destroy the mask "
                    "information. Downstream layers will not see the mask.",
                    stacklevel=4,
                )
            return
        leaves = tree.flatten(outputs)
        if all(masks.get(x) is not None for x in leaves):
            return
        computed = tree.flatten(self.compute_mask(args[0] if args else None, previous))
        for x, mask in zip(leaves, computed if len(computed) == len(leaves) else computed * len(leaves), strict=False):
            if mask is not None:
                masks.set(x, mask)

    # --- losses ----------------------------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Add a scalar, or a list of them, to the loss of the model; to be called inside `call`."""
        number = local.call.number if local.call is not None else 0
        if number != self._loss_call:
            self._losses.clear()
            self._loss_call = number
        for value in tree.flatten(loss):
            if isinstance(value, Spec):  # only shapes are being worked out
                continue
            self._losses.append(value)
            if local.state is not None and local.state.collect_losses:
                local.state.add_loss(value)

    def _regularize_outputs(self, outputs: Any) -> None:
        from triceras import ops

        for x in tree.flatten(outputs):
            self.add_loss(ops.divide(self.activity_regularizer(x), ops.cast(ops.shape(x)[0], self.compute_dtype)))

    @property
    def losses(self) -> list[Any]:
        """The losses that the last call added, and those of the weights' regularizers."""
        layers = self._flatten_layers()
        last = max((layer._loss_call for layer in layers), default=0)
        added = [x for layer in layers if layer._loss_call == last for x in layer._losses]
        return added + self._regularization_losses()

    def _regularization_losses(self) -> list[Any]:
        return [v.regularizer(v) for v in self.trainable_weights if v.regularizer is not None]

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            layer._losses.clear()

    # --- moving and stateless use ------------------------------------------------------------------------------------

    def to_backend(self, name: Any) -> Layer:
        """Move to another backend, in place, with all layers inside, variables and seeds.

        Args:
            name: a backend's name.

        Returns:
            The layer itself.

        Example:
            >>> import numpy as np
            >>> import triceras
            >>> layer = triceras.layers.Dense(2)
            >>> before = triceras.ops.convert_to_numpy(layer(np.ones((1, 3))))
            >>> after = layer.to_backend("numpy")(np.ones((1, 3)))
            >>> bool(np.allclose(before, after, atol=1e-6))
            True
        """
        binding.move(self, name)
        return self

    def stateless_call(
        self,
        trainable_variables: list[Any],
        non_trainable_variables: list[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Call without side effects: values of variables go in, new values come out.

        Args:
            trainable_variables: values for `self.trainable_variables`, in order.
            non_trainable_variables: values for `self.non_trainable_variables`, in order.
            *args, **kwargs: what `call` takes.
            return_losses: whether the losses come out, too.

        Returns:
            `(outputs, new_non_trainable_variables)`, or `(outputs, new_non_trainable_variables, losses)`.
        """
        from triceras.core.state import StatelessScope

        if not self.built:
            raise ValueError(
                f"To call stateless_call, {type(self).__name__} must be built (i.e. its variables must have been "
                "already created)."
            )
        given = []
        for own, values, kind in (
            (self.trainable_variables, trainable_variables, "trainable_variables"),
            (self.non_trainable_variables, non_trainable_variables, "non_trainable_variables"),
        ):
            if len(own) != len(values):
                raise ValueError(
                    f"Argument `{kind}` must have {len(own)} values, one for each of `layer.{kind}`. Received: "
                    f"{len(values)}"
                )
            given += zip(own, values, strict=True)
        with StatelessScope(given, collect_losses=return_losses) as scope:
            outputs = self(*args, **kwargs)
            losses = self.losses if return_losses else None
        self._clear_losses()
        new = [scope.get_current_value(v) for v in self.non_trainable_variables]
        return (outputs, new, losses) if return_losses else (outputs, new)

    # --- configuration -----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs to make the same layer, without its weights.

        Raises:
            NotImplementedError: `__init__` takes arguments that can't be stored, and `get_config` isn't overridden.
        """
        config = {"name": self.name, "trainable": self.trainable, "dtype": dtype_policies.serialize(self.dtype_policy)}
        if self.activity_regularizer is not None:
            from triceras import regularizers

            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        if type(self).get_config is not Layer.get_config:
            return config
        return {**config, **self._init_arguments(config)}

    def _init_arguments(self, known: dict[str, Any]) -> dict[str, Any]:
        """The arguments that `__init__` got, where they are plain values."""
        init = type(self).__init__
        if init is Layer.__init__:
            return {}
        args, kwargs = self._constructed_with
        bound = inspect.signature(init).bind(self, *args, **kwargs)
        bound.apply_defaults()
        given = {k: v for k, v in bound.arguments.items() if k not in ("self", "kwargs", "args", *known)}
        if all(isinstance(leaf, (int, float, str, bool, type(None))) for leaf in tree.flatten(given)):
            return given
        raise NotImplementedError(
            f"Object {type(self).__name__} was created by passing arguments that can't be stored as they are: "
            f"{', '.join(given)}. Override `get_config()` so that it returns them in a form that `from_config` "
            "understands:\n\n"
            '    def get_config(self):\n        return {**super().get_config(), "argument": self.argument}'
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """Make a layer from its config.

        What every layer has (name, trainable, dtype) is set afterwards where `__init__` doesn't take it.
        """
        taken = inspect.signature(binding.unbound_class(cls).__init__).parameters
        if any(p.kind is p.VAR_KEYWORD for p in taken.values()):
            return cls(**config)
        common = {k: config[k] for k in ("name", "trainable", "dtype") if k in config and k not in taken}
        layer = cls(**{k: v for k, v in config.items() if k not in common})
        if "name" in common:
            layer.name = layer._path = common["name"]
        if "dtype" in common:
            layer.dtype_policy = common["dtype"]
        if common.get("trainable") is False:
            layer.trainable = False
        return layer

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that it was built with."""
        shapes = self.__dict__.get("_build_shapes")
        if not shapes:
            return None
        return dict(shapes) if set(shapes) == {"input_shape"} else {"shapes_dict": dict(shapes)}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build with the shapes that `get_build_config` gave."""
        if not config or self.built:
            return
        shapes = {k: to_shape(v) for k, v in (config.get("shapes_dict") or config).items()}
        if any(s is None for s in shapes.values()):
            return
        self._find_path()
        with self._naming(), use_backend(self.backend):
            if set(shapes) == {"input_shape"}:
                self.build(shapes["input_shape"])
            else:
                self.build(**shapes)
        self.built, self._build_shapes = True, shapes

    def _variables_in_files(self) -> list[Any]:
        """A hook: what a file holds of this layer, in order."""
        return self._variables_of_its_own()

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put this layer's own variables into a store under "0", "1"…"""
        for i, variable in enumerate(self._variables_in_files()):
            store[f"{i}"] = variable.numpy()

    def load_own_variables(self, store: dict[str, Any]) -> None:
        """Set this layer's own variables from a store that `save_own_variables` filled.

        Raises:
            ValueError: another number of variables.
        """
        own = self._variables_in_files()
        if len(store.keys()) != len(own):
            raise ValueError(
                f"Layer '{self.name}' expected {len(own)} variables, but received {len(store.keys())} variables "
                f"during loading. Expected: {[v.name for v in own]}"
            )
        for i, variable in enumerate(own):
            variable.assign(store[f"{i}"])

    def quantize(self, mode: Any = None, type_check: bool = True, config: Any = None) -> None:
        """Not available for this layer."""
        raise NotImplementedError(f"Layer {type(self).__name__} does not have a `quantize` method implemented.")

    def quantized_build(self, input_shape: Any, mode: str) -> None:
        """Not available for this layer."""
        raise NotImplementedError(f"Layer {type(self).__name__} has no quantized weights.")

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """Not available for this layer."""
        raise NotImplementedError(f"Layer {type(self).__name__} has no quantized call.")

    def rematerialized_call(self, layer_call: Any, *args: Any, **kwargs: Any) -> Any:
        """`layer_call`, whose inner results are computed again in the backward pass instead of being kept."""
        return self.backend.checkpoint(layer_call)

    def add_metric(self, *args: Any, **kwargs: Any) -> None:
        """Keras 2's way; keep a metric as an attribute instead and update it in `call`."""
        raise NotImplementedError(
            "`add_metric` is gone: keep a metric as an attribute of the layer and call its `update_state`."
        )

    def __reduce__(self) -> tuple:
        native = self._native_names() if self.backend.layer_mixin is not None else ()
        left_out = (*native, "backend", "_node_references", "_last_plain_call")  # nodes know their layer by themselves
        state = {k: v for k, v in self.__dict__.items() if k not in left_out}
        return binding.rebuild, (binding.unbound_class(type(self)), self.backend.name), state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.setdefault("_node_references", [])
        self.__dict__.update(state, _last_plain_call=None)
        if self.backend.layer_mixin is not None:
            binding.track_natively(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


_UNTRACKED = frozenset(
    ("_node_references", "_constructed_with", "_losses", "_own_variables", "_build_shapes", "input_spec", "backend")
)
_TRACKED_TYPES = (Layer, Variable, SeedGenerator, list, tuple, dict)


def _made_trainable(variable: Variable) -> bool:
    return variable.__dict__.setdefault("_made_trainable", variable.trainable)
