"""Convolutions on torch: channels last is torch's own layout, so nothing is copied, and the bias is the kernel's."""

import numpy as np
import pytest

import triceras
from triceras import layers

torch = pytest.importorskip("torch")


def test_images_go_to_the_kernel_as_they_are(monkeypatch):
    from triceras.core import registry

    with triceras.use_backend("torch"):
        registry.current()
        from triceras.backends.torch import nn

        calls, native = [], nn._CONV[2]
        monkeypatch.setitem(nn._CONV, 2, lambda *args: calls.append(args) or native(*args))
        layer, x = layers.Conv2D(4, 3, padding="same", bias_initializer="ones"), torch.rand(2, 8, 8, 3)
        out = layer(x)
        ((images, weight, bias, *_),) = calls
        assert images.data_ptr() == x.data_ptr() and images.is_contiguous(memory_format=torch.channels_last)
        assert bias is not None and out.is_contiguous()
        pooled = layers.MaxPooling2D()(out)
        assert pooled.is_contiguous()  # still channels last, so the next layer copies nothing either


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_the_bias_belongs_to_the_channels(data_format, backend):
    layer = layers.Conv1D(2, 1, data_format=data_format, kernel_initializer="zeros")
    layer.build((1, 3, 3))
    layer.bias.assign([1.0, 2.0])
    out = np.asarray(triceras.ops.convert_to_numpy(layer(np.ones((1, 3, 3), "float32"))))
    out = out if data_format == "channels_last" else np.moveaxis(out, 1, -1)
    np.testing.assert_array_equal(out, np.broadcast_to([1.0, 2.0], (1, 3, 2)))
