"""Hand-made model files in Keras's form, honest and hostile, for the tests beside."""

import base64
import io
import json
import marshal
import zipfile

import h5py
import numpy as np

METADATA = {"keras_version": "3.15.1", "date_saved": "2026-11-22@15:02:28"}


def layer(class_name, module="keras.layers", registered_name=None, build=None, **config):
    """A layer's entry in a config."""
    entry = {"module": module, "class_name": class_name, "config": config, "registered_name": registered_name}
    return entry | ({"build_config": {"input_shape": build}} if build else {})


def input_layer(*shape, name="x", dtype="float32"):
    return layer("InputLayer", batch_shape=[None, *shape], dtype=dtype, name=name)


def dense(units=3, name="dense", **config):
    return layer("Dense", build=[None, 4], name=name, units=units, **config)


def sequential(*layers, **more):
    """A Sequential's config."""
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": list(layers)}, **more}


def tensor(name, shape=(None, 4), node=0, index=0):
    config = {"shape": list(shape), "dtype": "float32", "keras_history": [name, node, index]}
    return {"class_name": "__keras_tensor__", "config": config}


def node(*args, **kwargs):
    return {"args": list(args), "kwargs": kwargs}


def functional(*layers, outputs):
    """A functional model's config with one input `x`; `layers` are entries with `name` and `inbound_nodes`."""
    first = input_layer(4) | {"name": "x", "inbound_nodes": []}
    config = {
        "name": "f",
        "layers": [first, *layers],
        "input_layers": [["x", 0, 0]],
        "output_layers": [[outputs, 0, 0]],
    }
    return {"module": "keras.src.models.functional", "class_name": "Functional", "config": config}


def op(class_name, *nodes, module="keras.src.ops.numpy", **config):
    """An op's entry in a functional config."""
    entry = layer(class_name, module, class_name, **config)
    return entry | {"name": config["name"], "inbound_nodes": list(nodes)}


def function(name, module="builtins"):
    return {"module": module, "class_name": "function", "config": name, "registered_name": "function"}


def bytecode():
    """The config of a lambda that would create the file `pwned` in the current folder."""
    evil = (lambda x: (open("pwned", "w").close(), x)[1]).__code__
    code = base64.encodebytes(marshal.dumps(evil)).decode()
    return {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}


def weights(write=None):
    """The bytes of an HDF5 file; by default the weights of one `dense()`."""

    def usual(file):
        file["layers/dense/vars/0"], file["layers/dense/vars/1"] = np.ones((4, 3), "f4"), np.zeros(3, "f4")
        file.create_group("vars")

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        (write or usual)(file)
    return buffer.getvalue()


def keras_file(path, config, h5=None, compression=zipfile.ZIP_STORED, **members):
    """Write a `.keras` file; `config` may be text."""
    parts = {
        "metadata.json": json.dumps(METADATA),
        "config.json": config if isinstance(config, str) else json.dumps(config),
    }
    parts["model.weights.h5"] = weights() if h5 is None else h5
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in (parts | members).items():
            file.writestr(name, data)
    return path


def legacy_file(path, config, write=None, training=None):
    """Write a `.h5` file as Keras 2 did."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        if training is not None:
            file.attrs["training_config"] = json.dumps(training)
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = ["dense"]
        inner = group.create_group("dense")
        inner.attrs["weight_names"] = ["dense/kernel", "dense/bias"]
        if write is not None:
            write(inner)
        else:
            inner["dense/kernel"], inner["dense/bias"] = np.ones((4, 3), "f4"), np.zeros(3, "f4")
    return path
