"""`SpectralNormalization`: a wrapper that keeps the largest singular value of a kernel at 1."""

from __future__ import annotations

from typing import Any

from triceras import initializers, ops
from triceras.layers.call import keep_mask
from triceras.layers.input_spec import InputSpec
from triceras.layers.settings import positive_integer
from triceras.layers.wrapper import Wrapper

__all__ = ["SpectralNormalization"]


class SpectralNormalization(Wrapper):
    """In training, divides the kernel of a layer by its largest singular value, which power iteration estimates.

    Input and output: those of the inner layer. Miyato et al. 2018, "Spectral Normalization for Generative Adversarial
    Networks".

    Args:
        layer: a layer that has a `kernel`, or `embeddings`.
        power_iterations: how many iterations at each call.

    Raises:
        ValueError: `power_iterations` isn't a positive integer, or the layer has neither weight.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.SpectralNormalization(triceras.layers.Dense(3), power_iterations=30)
        >>> out = layer(np.ones((2, 4)), training=True)
        >>> singular = np.linalg.svd(triceras.ops.convert_to_numpy(layer.layer.kernel), compute_uv=False)
        >>> round(float(singular[0]), 2)
        1.0
    """

    def __init__(self, layer: Any, power_iterations: int = 1, **kwargs: Any):
        super().__init__(layer, **kwargs)
        self.power_iterations = positive_integer("power_iterations", power_iterations)

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.built = False
        name = next((n for n in ("kernel", "embeddings") if getattr(self.layer, n, None) is not None), None)
        if name is None:
            raise ValueError(
                f"{type(self.layer).__name__} object '{self.layer.name}' has no attribute 'kernel' nor 'embeddings', "
                "so SpectralNormalization has nothing to normalize."
            )
        self.kernel = getattr(self.layer, name)
        self.vector_u = self.add_weight(
            (1, self.kernel.shape[-1]),
            initializer=initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            name="vector_u",
        )
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        if training:
            vector, kernel = self.normalized_weights()
            self.vector_u.assign(vector)
            # The kernel's gradient is that of the normalized kernel, whatever a backend makes of assignments.
            change = ops.stop_gradient(ops.subtract(kernel, self.kernel))
            self.kernel.assign(ops.add(self.kernel, change))
        out = self.layer(inputs)
        return keep_mask(out, ops.cast(out, self.compute_dtype))

    def normalized_weights(self) -> tuple[Any, Any]:
        """The next `vector_u` and the normalized kernel; nothing is assigned."""
        kernel, u = ops.stop_gradient(ops.convert_to_tensor(self.kernel)), ops.convert_to_tensor(self.vector_u)
        matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
        for _ in range(self.power_iterations):
            v = ops.normalize(ops.matmul(u, ops.transpose(matrix)), axis=None, epsilon=1e-12)
            u = ops.normalize(ops.matmul(v, matrix), axis=None, epsilon=1e-12)
        u, v = ops.stop_gradient(u), ops.stop_gradient(v)
        sigma = ops.matmul(ops.matmul(v, matrix), ops.transpose(u))
        return u, ops.reshape(ops.divide(matrix, sigma), kernel.shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "power_iterations": self.power_iterations}
