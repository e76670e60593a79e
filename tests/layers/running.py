"""What runs a case of `cases/`, the same code here and in real Keras, which gets this file's text.

`keras` is either; `gradients(loss, variables, inputs)` is the framework's way to `(value, outputs, gradients)`.
"""

import json
import os


def made(keras, expression):
    names = ("layers", "ops", "Sequential", "Input", "regularizers", "initializers")
    return eval(expression, {"keras": keras, **{name: getattr(keras, name) for name in names}})


def floating(keras, x):
    return "float" in keras.backend.standardize_dtype(x.dtype)


def nested(keras, change, x):
    return keras.tree.map_structure(change, x)


def numbers(keras, x):
    return keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))


def loss_of(keras, outputs):
    """The sum of the mean squares of all outputs that have gradients."""
    leaves = [x for x in keras.tree.flatten(outputs) if x is not None and floating(keras, x)]
    return sum(keras.ops.mean(keras.ops.square(keras.ops.cast(x, "float32"))) for x in leaves)


def run(keras, weight, case, gradients):
    """What a layer gives, with its gradients; `weight(i, shape)` is what the i-th weight is set to."""
    _, expression, args, kwargs = case
    layer = made(keras, expression)
    given = nested(keras, keras.ops.convert_to_tensor, args)
    layer(*given)
    initial = [numbers(keras, w) for w in layer.weights]
    layer.set_weights([weight(i, w.shape) for i, w in enumerate(layer.weights)])
    varied = [x for x in keras.tree.flatten(given) if floating(keras, x)]

    def call(varied):
        rest = iter(varied)
        inputs = nested(keras, lambda x: next(rest) if floating(keras, x) else x, given)
        out = layer(*inputs, **kwargs)
        return loss_of(keras, out), out

    out, slopes = gradients(call, layer.trainable_variables, varied)
    leaves = [x for x in keras.tree.flatten(out) if x is not None]
    prefix = f"{layer.name}/"
    return {
        "outputs": [numbers(keras, x) for x in leaves],
        "dtypes": [keras.backend.standardize_dtype(x.dtype) for x in leaves],
        "weights": [[w.path.removeprefix(prefix), list(w.shape), w.dtype, w.trainable] for w in layer.weights],
        "gradients": [None if x is None else numbers(keras, x) for x in slopes],
        "after": [numbers(keras, w) for w in layer.weights],
        "initial": initial,
        "config": json.dumps(layer.get_config(), sort_keys=True, default=str),
    }


def model_of(keras, weight, case):
    """A functional model of the layer alone."""
    _, expression, args, kwargs = case
    inputs = nested(keras, lambda x: keras.Input(batch_shape=x.shape, dtype=str(x.dtype)), args)
    static = {k: v for k, v in kwargs.items() if not hasattr(v, "shape") and k not in ("training", "initial_state")}
    model = keras.Model(keras.tree.flatten(inputs), made(keras, expression)(*inputs, **static))
    model.set_weights([weight(i, w.shape) for i, w in enumerate(model.weights)])
    return model


def predicted(keras, model, case):
    flat = keras.tree.flatten(case[2])
    out = model(flat if len(flat) > 1 else flat[0])
    return [numbers(keras, x) for x in keras.tree.flatten(out) if x is not None]


def save(keras, weight, case, folder):
    """Save the model of a case and tell what it gives."""
    model = model_of(keras, weight, case)
    model.save(os.path.join(folder, f"{case[0]}.keras"))
    return predicted(keras, model, case)


def opened(keras, case, folder):
    """What the model of a file gives."""
    path = os.path.join(folder, f"{case[0]}.keras")
    if not os.path.exists(path):
        return "was not saved"
    return predicted(keras, keras.models.load_model(path, safe_mode=False), case)


def attempt(function, *args):
    """What it returns, or a text that tells what went wrong."""
    try:
        return function(*args)
    except Exception as error:
        return f"failed: {type(error).__name__}: {error}"[:600]
