"""Base classes of layers with a large weight: one that LoRA can adapt, and that can be kept quantized.

The work is done by `triceras.quantization`, which wraps a layer: its weight is replaced by one with an adapter, its
call by one on integers. The layers themselves know nothing of it; they end their `build` with `self._adapt()`.
"""

from __future__ import annotations

from typing import Any

from triceras import dtype_policies
from triceras.layers.layer import Layer


class Adaptable(Layer):
    """A layer whose large weight LoRA can adapt: Hu et al., 2021, https://arxiv.org/abs/2106.09685.

    Args:
        lora_rank: rank of the adapter that `build` makes; none by default.
        lora_alpha: the adapter counts `lora_alpha / lora_rank` times; `lora_rank` by default.
        **kwargs: see `Layer`.
    """

    _adapted = "kernel"  # the attribute that holds the weight
    lora_enabled = False

    def __init__(self, *args: Any, lora_rank: int | None = None, lora_alpha: float | None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.lora_rank = lora_rank
        self.lora_alpha = lora_rank if lora_alpha is None else lora_alpha

    def _adapt(self) -> None:
        """The last step of `build`: wrap the weights as the constructor was told to."""
        if self.lora_rank:
            self.enable_lora(self.lora_rank, self.lora_alpha)

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Freeze the large weight and add a trainable product of two thin ones to it. Compile the model again then.

        Args:
            rank: width of the thin ones.
            lora_alpha: the product counts `lora_alpha / rank` times; `rank` by default.
            a_initializer, b_initializer: initializers or their names; the product begins at zero by default.

        Raises:
            ValueError: the layer isn't built, has an adapter, or its weight has a constraint.

        Example:
            >>> import triceras
            >>> layer = triceras.layers.Dense(8)
            >>> layer.build((None, 16))
            >>> layer.enable_lora(2)
            >>> [(w.name, w.shape) for w in layer.trainable_weights]
            [('bias', (8,)), ('lora_kernel_a', (16, 2)), ('lora_kernel_b', (2, 8))]
        """
        from triceras.quantization import lora

        lora.enable(self, rank, lora_alpha, a_initializer, b_initializer)

    def _variables_in_files(self) -> list[Any]:
        """Without adapters, as Keras writes them: the weight is merged with its own."""
        if not self.lora_enabled:
            return super()._variables_in_files()
        from triceras.quantization import lora

        return lora.merged_variables(self)

    def get_config(self) -> dict[str, Any]:
        lora = {"lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha} if self.lora_rank else {}
        return {**super().get_config(), **lora}


class Quantizable(Adaptable):
    """A layer whose large weight can be kept as integers, too. A dtype policy such as `int8_from_float32` makes it so.

    Args:
        quantization_config: a `quantizers.QuantizationConfig`, or its config: how to quantize.
        **kwargs: see `Adaptable`.
    """

    def __init__(self, *, quantization_config: Any = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.quantization_config = quantization_config
        if quantization_config is not None:
            from triceras.quantization import configs

            self.quantization_config = configs.config_of(quantization_config)

    def _adapt(self) -> None:
        self._follow_policy()
        super()._adapt()

    @property
    def dtype_policy(self) -> dtype_policies.DTypePolicy:
        """The dtype policy. Setting a quantized one quantizes a layer that is built; it stays so under a plain one."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        policy = dtype_policies.get(value)
        if self._is_quantized and policy.at(self._path).quantization_mode is None:
            policy = dtype_policies.get(f"{self.quantization_mode}_from_{policy.at(self._path).name}")
        Layer.dtype_policy.fset(self, policy)
        if self.built:
            self._follow_policy()

    _is_quantized = property(lambda self: "call" in self.__dict__)

    def _follow_policy(self) -> None:
        if self.quantization_mode is not None and not self._is_quantized:
            self.quantized_build(getattr(self, self._adapted).shape, self.quantization_mode, self.quantization_config)

    def quantize(self, mode: Any = None, type_check: bool = True, config: Any = None) -> None:
        """Keep the large weights as integers from now on, and compute with those.

        Args:
            mode: `"int8"`.
            type_check: whether to refuse subclasses, whose `call` may be another.
            config: a `quantizers.Int8QuantizationConfig`; that of the constructor by default, else its defaults.

        Raises:
            ValueError: an unknown mode, one that contradicts `config`, or the layer isn't built or is quantized.
            NotImplementedError: another mode, or a subclass.

        Example:
            >>> import triceras
            >>> layer = triceras.layers.Dense(8)
            >>> layer.build((None, 16))
            >>> layer.quantize("int8")
            >>> [(w.name, w.dtype) for w in layer.weights]
            [('bias', 'float32'), ('kernel', 'int8'), ('kernel_scale', 'float32')]
        """
        from triceras import quantization

        quantization.quantize(self, mode, type_check, config)

    def quantized_build(self, shape: Any, mode: str, config: Any = None) -> None:
        """Put quantized weights in the place of those that the layer has.

        Args:
            shape: that of the large weight.
            mode: `"int8"`.
            config: see `quantize`.

        Raises:
            NotImplementedError: another mode.
        """
        from triceras import quantization

        quantization.replace_weights(self, mode, config)

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """What `call` does, with the quantized weights."""
        from triceras.quantization import int8

        return int8.call(self, *args, **kwargs)

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """The names of the variables in a file, by quantization mode."""
        plain = [self._adapted, *(["bias"] if hasattr(self, "bias") else [])]
        return {None: plain, "int8": [*plain, f"{self._adapted}_scale"]}

    def _variables_in_files(self) -> list[Any]:
        if not self._is_quantized:
            return super()._variables_in_files()
        from triceras.quantization import int8

        return int8.variables_in_files(self)

    def get_config(self) -> dict[str, Any]:
        written = None
        if self.quantization_config is not None:
            from triceras.saving.serialization import serialize_keras_object

            written = serialize_keras_object(self.quantization_config)
        return {**super().get_config(), "quantization_config": written}
