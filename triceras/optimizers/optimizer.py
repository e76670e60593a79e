"""`Optimizer`: turns gradients into new weights. A subclass names its slots and gives the update of one weight."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypedDict

import numpy as np

from triceras import initializers, ops
from triceras.core import config, naming, registry
from triceras.core.scope import use_backend
from triceras.core.state import StatelessScope
from triceras.core.variable import Variable
from triceras.distribution import replicas
from triceras.optimizers import joined
from triceras.optimizers.schedules import LearningRateSchedule


class Common(TypedDict, total=False):
    """Arguments that every optimizer takes; see `Optimizer`."""

    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None


class Optimizer:
    """Base of all optimizers.

    It lives on the backend of the weights that it is built for; before that, on the one that was current.

    A subclass gives `slot_groups()` (or creates its variables in `build(variables)`, as in Keras) and
    `update_step(gradient, variable, learning_rate)`.

    Args:
        learning_rate: a float, a schedule, or a function without arguments that returns one.
        weight_decay: this times the learning rate is the share that every weight loses at each update.
        clipnorm: greatest norm of the gradient of one weight.
        clipvalue: greatest absolute value in a gradient.
        global_clipnorm: greatest norm of all gradients together.
        use_ema: whether to keep exponential moving averages of the weights.
        ema_momentum: what share of the average stays at each update.
        ema_overwrite_frequency: every how many updates the weights become their averages; None: only at the end of
            training (`finalize_variable_values`).
        loss_scale_factor: what the loss is multiplied by and the gradients divided by, against underflow.
        gradient_accumulation_steps: over how many calls gradients are averaged before one update: the same as one
            batch that many times as large.
        name: the class's in snake case by default.

    Raises:
        ValueError: an unknown argument, or a value out of range.

    Example:
        >>> import triceras
        >>> class Sign(triceras.optimizers.Optimizer):
        ...     def update_step(self, gradient, variable, learning_rate):
        ...         variable.assign_sub(learning_rate * triceras.ops.sign(gradient))
        >>> v = triceras.Variable([1.0, 1.0])
        >>> Sign(0.5).apply([triceras.ops.array([3.0, -2.0])], [v])
        >>> v.numpy().tolist()
        [0.5, 1.5]
    """

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        _refuse_unknown(kwargs)
        if sum(limit is not None for limit in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. "
                f"Received: clipnorm={clipnorm}, clipvalue={clipvalue}, global_clipnorm={global_clipnorm}"
            )
        if use_ema and not 0 <= ema_momentum <= 1:
            raise ValueError(f"`ema_momentum` must be in the range [0, 1]. Received: ema_momentum={ema_momentum}")
        _check_count("ema_overwrite_frequency", ema_overwrite_frequency, 1)
        _check_count("gradient_accumulation_steps", gradient_accumulation_steps, 2)
        self.name = name or naming.auto_name(type(self).__name__)
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum, self.ema_overwrite_frequency = use_ema, ema_momentum, ema_overwrite_frequency
        self.loss_scale_factor, self.gradient_accumulation_steps = loss_scale_factor, gradient_accumulation_steps
        self.built = False
        self._backend = registry.current().name
        self._trainable_variables: list[Variable] = []
        self._index: dict[int, int] = {}
        self._own: list[Variable] = []  # all but iterations and learning rate, in the order of creation
        self._slots: dict[str, list[Variable | None]] = {}
        self._in_common: dict[Any, Any] | None = None  # while weights are updated: what they have in common
        self._undecayed: tuple[list[Variable], list[str]] = ([], [])
        self._iterations = self._scalar("iteration", 0, "int32")
        self._learning_rate = self._new_learning_rate(learning_rate)

    # --- state -----------------------------------------------------------------------------------------------------

    @property
    def backend(self) -> Any:
        """The backend that it lives on."""
        return registry.get(self._backend)

    @property
    def variables(self) -> list[Variable]:
        """Its state, in the order of files: iterations, learning rate, slots."""
        rate = self._learning_rate
        known = [self._iterations, *([rate] if isinstance(rate, Variable) else []), *self._own]
        named = [v for v in vars(self).values() if isinstance(v, Variable) and not any(v is k for k in known)]
        return known + named

    @property
    def iterations(self) -> Any:
        """How many updates there were."""
        if self.gradient_accumulation_steps:
            return ops.floor_divide(self._iterations, self.gradient_accumulation_steps)
        return self._iterations

    @property
    def learning_rate(self) -> Any:
        """The learning rate now; can be set to a number or a schedule.

        Raises:
            TypeError: set to a number although it follows a schedule.
        """
        rate = self._learning_rate
        if isinstance(rate, LearningRateSchedule):
            return rate(self.iterations)
        return rate if isinstance(rate, Variable) else rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(value, LearningRateSchedule) or (callable(value) and not hasattr(value, "shape")):
            self._learning_rate = value
        elif isinstance(self._learning_rate, Variable):
            self._learning_rate.assign(value)
        else:
            raise TypeError(
                "This optimizer was created with a `LearningRateSchedule` object (or a function) as its "
                "`learning_rate` constructor argument, hence its learning rate is not settable. If you need the "
                "learning rate to be settable, you should instantiate the optimizer with a float `learning_rate` "
                "argument."
            )

    def to_backend(self, name: Any) -> Optimizer:
        """Move to another backend, in place; the weights are not moved.

        Args:
            name: a backend's name.
        """
        self._backend = registry.get(name).name
        for variable in self.variables:
            variable.to_backend(name)
        return self

    def build(self, variables: Sequence[Variable]) -> None:
        """Create the slots for these weights, on their backend.

        Args:
            variables: trainable Variables.
        """
        if self.built:
            return
        variables = list(variables)
        if variables:
            self.to_backend(variables[0].backend.name)
        self._trainable_variables = variables
        if self.use_ema:
            self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self.add_optimizer_variables(variables, "gradient_accumulator")
        for names in self.slot_groups():
            self.add_optimizer_variables(variables, names)
        self.built = True

    def slot_groups(self) -> list[tuple[str, ...]]:
        """Names of the variables kept for each weight; the names of a group are created weight by weight."""
        return []

    def slot_initializer(self, name: str, variable: Variable) -> Any:
        """What a slot of a weight begins with."""
        return "zeros"

    def slots(self, variable: Variable, *names: str) -> list[Any]:
        """The slots of a weight by name."""
        if isinstance(variable, joined.Joined):
            return [variable.slots[name] for name in names]
        index = self._get_variable_index(variable)
        return [self._slots[name][index] for name in names]

    def _slots_of(self, variables: list[Variable]) -> dict[str, list[Variable]]:
        """The slots that the update of some weights takes, by name."""
        places = [self._get_variable_index(variable) for variable in variables]
        names = [name for group in self.slot_groups() for name in group]
        return {name: [self._slots[name][place] for place in places] for name in names}

    def add_variable(
        self,
        shape: Any,
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """A new Variable of the optimizer's state.

        Args:
            shape: its shape.
            initializer: name, instance or function.
            dtype: `config.floatx()` by default.
            aggregation, layout: see `Variable`.
            name: its name.
        """
        initializer = initializers.get(initializer)
        with use_backend(self._backend), naming.name_scope(self.name):
            variable = Variable(
                initializer,
                shape,
                dtype,
                trainable=False,
                autocast=False,
                aggregation=aggregation,
                layout=layout,
                name=name,
            )
        self._own.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """A new Variable like a weight: same shape, dtype and layout, its name after the weight's."""
        return self.add_variable(
            reference_variable.shape,
            initializer,
            reference_variable.dtype,
            layout=getattr(reference_variable, "layout", None),
            name=f"{reference_variable.path.replace('/', '_')}_{name or 'slot'}",
        )

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: str | Sequence[str], initializer: Any = None
    ) -> Any:
        """A list with one new Variable for each weight; for several names a tuple of such lists."""
        names = (name,) if isinstance(name, str) else tuple(name)
        lists: tuple[list[Variable | None], ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for slot, found in zip(names, lists, strict=True):
                first = self.slot_initializer(slot, variable) if initializer is None else initializer
                direct = variable.overwrite_with_gradient
                found.append(None if direct else self.add_variable_from_reference(variable, slot, first))
        self._slots.update(zip(names, lists, strict=True))
        return lists[0] if isinstance(name, str) else lists

    def _scalar(self, name: str, value: float, dtype: str) -> Variable:
        with use_backend(self._backend), naming.name_scope(self.name):
            return Variable(np.array(value, dtype), dtype=dtype, trainable=False, autocast=False, name=name)

    def _new_learning_rate(self, value: Any) -> Any:
        if isinstance(value, dict):
            from triceras.saving import serialization

            value = serialization.deserialize_keras_object(value)
        if isinstance(value, LearningRateSchedule) or (callable(value) and not hasattr(value, "shape")):
            return value
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
            raise ValueError(
                "Argument `learning_rate` should be float, or an instance of LearningRateSchedule, or a callable "
                f"(without arguments, that returns the learning rate). Received instead: learning_rate={value}"
            )
        return self._scalar("learning_rate", float(value), config.floatx())

    def _get_variable_index(self, variable: Variable) -> int:
        index = self._index.get(id(variable))
        if index is None or self._trainable_variables[index] is not variable:  # also after a copy
            self._index = {id(v): i for i, v in enumerate(self._trainable_variables)}
            index = self._index.get(id(variable))
        if index is None:
            raise ValueError(
                f"Unknown variable: {variable}. This optimizer can only be called for the variables it was originally "
                "built with. When working with a new set of variables, you should recreate a new optimizer instance."
            )
        return index

    # --- the update --------------------------------------------------------------------------------------------------

    def apply(self, grads: Iterable[Any], trainable_variables: Iterable[Variable] | None = None) -> None:
        """Update weights by their gradients.

        Args:
            grads: gradient tensors; None where there is none.
            trainable_variables: the weights, in the same order; by default all that the optimizer was built with.

        Raises:
            ValueError: no gradients, a weight that the optimizer wasn't built with, or lists of different lengths.
        """
        grads = list(grads)
        if not grads:
            return
        variables = self._weights_for(grads, trainable_variables)
        pairs = _with_gradients(grads, variables)
        with use_backend(self._backend):
            self._apply([ops.convert_to_tensor(g, sparse=False) for g, _ in pairs], [v for _, v in pairs])

    def _apply(self, grads: list[Any], variables: list[Variable]) -> None:
        grads = replicas.averaged(grads, self.backend)
        grads, variables = self._overwrite_directly(grads, variables)
        if self.loss_scale_factor is not None:
            grads = [g / self.loss_scale_factor for g in grads]
        if self.gradient_accumulation_steps:
            self._accumulate(grads, variables)
        else:
            self._update(grads, variables)
        self._iterations.assign(self._iterations.value + 1)

    def _weights_for(self, grads: list[Any], variables: Iterable[Variable] | None) -> list[Variable]:
        if variables is not None:
            variables = list(variables)
            self.build(variables)
            for variable in variables:
                self._get_variable_index(variable)
        elif not self.built:
            raise ValueError(
                "When passing `grads` without `variables`, the optimizer must already be built on a list of variables. "
                "Call `optimizer.build(trainable_variables)` first. "
            )
        else:
            variables = self._trainable_variables
        if len(grads) != len(variables):
            raise ValueError(
                "When passing `grads` as a list of gradient tensors, they must match the variables one-to-one. "
                f"Received a list of {len(grads)} gradients, but there are {len(variables)} trainable variables."
            )
        return variables

    def _overwrite_directly(self, grads: list[Any], variables: list[Variable]) -> tuple[list[Any], list[Variable]]:
        for gradient, variable in zip(grads, variables, strict=True):
            if variable.overwrite_with_gradient:
                variable.assign(gradient)
        left = [(g, v) for g, v in zip(grads, variables, strict=True) if not v.overwrite_with_gradient]
        return [g for g, _ in left], [v for _, v in left]

    def _accumulate(self, grads: list[Any], variables: list[Variable]) -> None:
        steps = self.gradient_accumulation_steps
        sums = [self.slots(v, "gradient_accumulator")[0] for v in variables]
        for total, gradient in zip(sums, grads, strict=True):
            total.assign_add(gradient)

        def update() -> None:
            self._update([total / steps for total in sums], variables)
            for total in sums:
                total.assign(ops.zeros_like(total))

        only_where(ops.equal(ops.mod(self._iterations + 1, steps), 0), update)

    def _update(self, grads: list[Any], variables: list[Variable]) -> None:
        """One update: clip, decay, step, average, constrain."""
        grads = self._clip(grads)
        rate = self.learning_rate
        pairs = list(zip(grads, variables, strict=True))
        self._in_common = {}

        def step(gradient: Any, variable: Variable) -> None:
            dtype = variable.dtype
            own_rate = self._common(("learning_rate", dtype), lambda: ops.cast(rate, dtype))
            decay = self._decay_of(variable)
            if decay is not None:
                variable.assign_sub(variable * (decay * own_rate))
            self.update_step(ops.cast(gradient, dtype), variable, own_rate)

        try:
            if hasattr(self.update_step, "elementwise"):
                pairs = joined.update(pairs, self._decay_of, self._slots_of, step)
            for gradient, variable in pairs:
                step(gradient, variable)
        finally:
            self._in_common = None
        if self.use_ema:
            self._average(variables)
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable))

    def _common(self, key: Any, compute: Callable[[], Any]) -> Any:
        """What is the same for all weights of one update, computed once."""
        if self._in_common is None:
            return compute()
        if key not in self._in_common:
            self._in_common[key] = compute()
        return self._in_common[key]

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Update one weight and its slots.

        Args:
            gradient: tensor of the weight's shape and dtype.
            variable: the weight.
            learning_rate: scalar tensor of the weight's dtype.
        """
        name = type(self).__name__
        raise NotImplementedError(f"{name} must define `update_step(gradient, variable, learning_rate)`.")

    def _clip(self, grads: list[Any]) -> list[Any]:
        if self.clipnorm is not None and self.clipnorm > 0:
            return [g * _shrink(ops.sum(ops.square(g)), self.clipnorm) for g in grads]
        if self.global_clipnorm is not None and self.global_clipnorm > 0:
            factor = _shrink(sum(ops.sum(ops.square(g)) for g in grads), self.global_clipnorm)
            return [g * ops.cast(factor, g.dtype) for g in grads]
        if self.clipvalue is not None and self.clipvalue > 0:
            return [ops.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        return grads

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Exempt weights from weight decay.

        Args:
            var_list: these Variables.
            var_names: Variables whose names match one of these regular expressions.
        """
        self._undecayed = (list(var_list or ()), list(var_names or ()))

    def _decay_of(self, variable: Variable) -> float | None:
        """The weight decay of a weight; None: none. Weights that are joined have the same."""
        if isinstance(variable, joined.Joined):
            variable = variable.parts[0]
        return self.weight_decay if self.weight_decay is not None and self._use_weight_decay(variable) else None

    def _use_weight_decay(self, variable: Variable) -> bool:
        exempt, patterns = self._undecayed
        return not any(variable is v for v in exempt) and not any(re.search(p, variable.name) for p in patterns)

    def _average(self, variables: list[Variable]) -> None:
        """Move the averages towards the weights; the first time, make them equal."""
        updates = self.iterations
        overwrite = self.ema_overwrite_frequency
        for variable in variables:
            (average,) = self.slots(variable, "average")
            kept = self.ema_momentum * ops.cast(ops.not_equal(updates, 0), variable.dtype)
            average.assign(kept * average + (1 - kept) * variable)
            if overwrite:
                due = ops.equal(ops.mod(updates + 1, overwrite), 0)
                variable.assign(ops.where(due, average, variable))

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """At the end of training: weights become their moving averages, if these are kept.

        Args:
            var_list: the weights.
        """
        if self.use_ema and self.built:
            for variable in var_list:
                average = self.slots(variable, "average")[0]
                if average is not None:
                    variable.assign(average)

    # --- Keras's other entrances -------------------------------------------------------------------------------------

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> None:
        """Update weights by pairs (gradient, weight)."""
        pairs = list(grads_and_vars)
        if not pairs:
            raise ValueError("No gradients provided for any variable: grads_and_vars is empty.")
        self.apply([g for g, _ in pairs], [v for _, v in pairs])

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """`apply` as a pure function.

        Args:
            optimizer_variables: values of `variables`.
            grads: gradients.
            trainable_variables: values of the weights that it was built with.

        Returns:
            New values of the weights, and of `variables`.

        Raises:
            ValueError: not built yet, or lists of other lengths.
        """
        if not self.built:
            raise ValueError(
                f"To call `stateless_apply`, {type(self).__name__} must be built (i.e. its variables must have been "
                "created). You can build it via `optimizer.build(trainable_variables)`."
            )
        mine, weights = self.variables, self._trainable_variables
        _check_length("optimizer_variables", optimizer_variables, mine, f"{type(self).__name__}().variables")
        _check_length("trainable_variables", trainable_variables, weights, "the optimizer's trainable variables")
        values = [*zip(weights, trainable_variables, strict=True), *zip(mine, optimizer_variables, strict=True)]
        with StatelessScope(values) as scope:
            self.apply(grads)
        return [scope.get_current_value(v) for v in weights], [scope.get_current_value(v) for v in mine]

    def scale_loss(self, loss: Any) -> Any:
        """The loss times `loss_scale_factor`: what to take gradients of."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def assign(self, variable: Variable, value: Any) -> None:
        """`variable.assign(value)`; for subclasses written for Keras."""
        variable.assign(ops.cast(value, variable.dtype))

    def assign_add(self, variable: Variable, value: Any) -> None:
        """`variable.assign_add(value)`; for subclasses written for Keras."""
        variable.assign_add(ops.cast(value, variable.dtype))

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """`variable.assign_sub(value)`; for subclasses written for Keras."""
        variable.assign_sub(ops.cast(value, variable.dtype))

    # --- saving ------------------------------------------------------------------------------------------------------

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all of `variables`.

        Args:
            weights: arrays in their order.

        Raises:
            ValueError: another number of them, or another shape.
        """
        mine = self.variables
        _check_length("weights", weights, mine, f"{type(self).__name__}().variables")
        for variable, value in zip(mine, weights, strict=True):
            if tuple(np.shape(value)) != tuple(variable.shape):
                raise ValueError(
                    f"Optimizer variable {variable.path} has shape {variable.shape} not compatible with provided "
                    f"weight shape {tuple(np.shape(value))}."
                )
            variable.assign(value)

    def save_own_variables(self, store: Any) -> None:
        """Write `variables` into a store as "0", "1", …"""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Read `variables` from what `save_own_variables` wrote; a store of another optimizer is left aside."""
        mine = self.variables
        scalars = [v for v in mine[:2] if v.shape == ()]
        if len(store.keys()) == len(scalars):  # saved before its first step: no slots yet
            mine = scalars
        if len(store.keys()) != len(mine):
            warnings.warn(
                f"Skipping variable loading for optimizer '{self.name}', because it has {len(mine)} variables whereas "
                f"the saved optimizer has {len(store.keys())} variables.",
                stacklevel=2,
            )
            return
        for i, variable in enumerate(mine):
            variable.assign(np.asarray(store[str(i)]))

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        from triceras.saving import serialization

        rate = self._learning_rate
        return {
            "name": self.name,
            "learning_rate": float(rate) if isinstance(rate, Variable) else serialization.serialize_keras_object(rate),
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Optimizer:
        """Make one from its config.

        Args:
            config: what `get_config` gave.
            custom_objects: names of own classes and functions in it.
        """
        from triceras.saving.registry import CustomObjectScope

        with CustomObjectScope(custom_objects or {}):
            return cls(**config)


def elementwise(update_step: Callable) -> Callable:
    """Mark an `update_step` that treats each element of a weight by itself: small weights may be updated together."""
    update_step.elementwise = True  # type: ignore[attr-defined]
    return update_step


def only_where(condition: Any, update: Callable[[], None]) -> None:
    """Run an update, but keep what it assigns to Variables only if a scalar is true; works inside compiled code."""
    with StatelessScope() as scope:
        update()
    for variable, value in scope.updates():
        variable.assign(ops.where(condition, value, variable))


def _shrink(squares: Any, limit: float) -> Any:
    """The factor that brings a gradient with this sum of squares to a norm of at most `limit`."""
    return limit / ops.maximum(ops.sqrt(squares), limit)


def _with_gradients(grads: list[Any], variables: list[Variable]) -> list[tuple[Any, Variable]]:
    pairs = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
    if not pairs:
        raise ValueError("No gradients provided for any variable.")
    if len(pairs) < len(grads):
        missing = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
        warnings.warn(
            f"Gradients do not exist for variables {missing} when minimizing the loss. If using `model.compile()`, did "
            "you forget to provide a `loss` argument?",
            stacklevel=4,
        )
    return pairs


def _check_length(what: str, given: Sequence[Any], mine: Sequence[Any], where: str) -> None:
    if len(given) != len(mine):
        raise ValueError(
            f"Argument `{what}` must be a list of tensors corresponding 1:1 to {where}. Received list with length "
            f"{len(given)}, but expected {len(mine)} variables."
        )


def _check_count(name: str, value: Any, least: int) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        raise ValueError(f"`{name}` must be an integer >= {least}. Received: {name}={value}")


def _refuse_unknown(kwargs: dict[str, Any]) -> None:
    if kwargs.pop("decay", None) is not None:
        warnings.warn("Argument `decay` is no longer supported and will be ignored.", stacklevel=4)
    if kwargs:
        raise ValueError(f"Argument(s) not recognized: {kwargs}")
