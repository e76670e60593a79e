# ruff: noqa: F821, E501, E731, F841 - `keras`, `layers`, `ops`, `np` and `attempt` are given by tests/probes.py
X = np.arange(8, dtype="float32").reshape(2, 4) / 8


def linear():
    return keras.Sequential([keras.Input((4,), name="x"), layers.Dense(3, name="a"), layers.Dropout(0.5, name="b"),
                             layers.BatchNormalization(name="c"), layers.Dense(2, name="d")], name="linear")  # fmt: skip


def chain():
    x = keras.Input((4,), name="x")
    return keras.Model(x, layers.Dense(2, name="b")(layers.Dense(3, name="a")(x)), name="chain")


def branches():
    x, y = keras.Input((4,), name="x"), keras.Input((3,), name="y")
    a = layers.Dense(3, name="a")(x)
    b = layers.Concatenate(name="join")([a, layers.Dense(5, name="deep", activation="relu")(y)])
    c = layers.Dense(2, name="c")(b)
    return keras.Model([x, y], [c, layers.Dense(1, name="side")(a)], name="branches")


def shared():
    x, y = keras.Input((4,), name="x"), keras.Input((4,), name="y")
    dense = layers.Dense(3, name="twice")
    return keras.Model([x, y], layers.Add(name="add")([dense(x), dense(y)]), name="shared")


def residual():
    x = keras.Input((4,), name="x")
    h = layers.Dense(4, name="h1")(x)
    h = layers.Add(name="add1")([x, h])
    h = layers.Add(name="add2")([layers.Dense(4, name="h2")(h), h])
    return keras.Model(x, layers.Dense(1, name="out")(h), name="residual")


def nested():
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, name="i1"), layers.BatchNormalization(name="i2")], name="inner"
    )
    x = keras.Input((4,), name="x")
    middle = keras.Model(x, layers.Dense(2, name="m")(inner(x)), name="middle")
    y = keras.Input((4,), name="y")
    return keras.Model(y, layers.Dense(1, name="top")(middle(y)), name="nested")


def mixed_depth():
    x = keras.Input((4,), name="x")
    a = layers.Dense(2, name="a")(x)
    b = layers.Dense(2, name="b")(layers.Dense(3, name="b0")(x))
    c = layers.Dense(2, name="c")(layers.Dense(3, name="c1")(layers.Dense(3, name="c0")(x)))
    z = keras.Input((2,), name="z")
    return keras.Model([z, x], layers.Concatenate(name="cat")([a, c, b, z]), name="mixed")


def dicts():
    inputs = {"b": keras.Input((4,), name="b_in"), "a": keras.Input((3,), name="a_in")}
    h = layers.Dense(2, name="hb")(inputs["b"])
    g = layers.Dense(2, name="ha")(inputs["a"])
    return keras.Model(inputs, {"sum": layers.Add(name="add")([h, g]), "g": g}, name="dicts")


def with_ops():
    x = keras.Input((4,), name="x")
    h = layers.Dense(3, name="a")(x)
    h = ops.relu(h * 2.0 + 1.0)
    return keras.Model(x, layers.Dense(1, name="b")(ops.concatenate([h, x], axis=-1)), name="with_ops")


def subclassed():
    class Net(keras.Model):
        def __init__(self):
            super().__init__(name="net")
            self.a = layers.Dense(3, name="a")
            self.blocks = [layers.Dense(3, name="b0"), layers.Dense(3, name="b1")]
            self.inner = keras.Sequential([layers.Dense(2, name="i")], name="seq")

        def call(self, x):
            x = self.a(x)
            for b in self.blocks:
                x = b(x)
            return self.inner(x)

    model = Net()
    model(X)
    return model


def embedding_lstm():
    return keras.Sequential([keras.Input((5,), dtype="int32", name="t"), layers.Embedding(10, 4, mask_zero=True, name="e"),
                             layers.LSTM(3, name="l"), layers.Dense(2, name="d")], name="text")  # fmt: skip


MODELS = [linear, chain, branches, shared, residual, nested, mixed_depth, dicts, with_ops, subclassed, embedding_lstm]


def text(model, **kwargs):
    lines = []
    model.summary(print_fn=lambda s, **_: lines.append(s), **kwargs)
    return "\n".join(line.rstrip() for line in "\n".join(lines).splitlines()).strip()


def probe_layers_and_weights():
    return {
        f.__name__: [[x.name for x in m.layers], [w.path for w in m.weights], [w.path for w in m.trainable_weights],
                     [w.path for w in m.non_trainable_weights], m.count_params(), m.name, m.built]
        for f in MODELS for m in [f()]
    }  # fmt: skip


def probe_shapes_and_names():
    result = {}
    for f in MODELS:
        if f is not subclassed:
            m = f()
            shape = lambda s: str(s).replace("[", "(").replace("]", ")")
            result[f.__name__] = [shape(m.input_shape), shape(m.output_shape), [x.name for x in m.inputs],
                                  [x.shape for x in m.outputs]]  # fmt: skip
    return result


def probe_summaries():
    return {
        f.__name__: text(f()).replace("(2, 2)   ", "(None, 2)") for f in MODELS
    }  # Keras keeps the first batch's size


def probe_summary_options():
    frozen = linear()
    frozen.layers[0].trainable = False
    compiled = linear()
    compiled.compile("adam", "mse")
    compiled.fit(X, np.zeros((2, 2)), verbose=0)
    unbuilt = keras.Sequential([layers.Dense(2, name="a"), layers.Dense(1, name="b")], name="unbuilt")
    empty = keras.Sequential(name="empty")
    return {
        "nested": text(nested(), expand_nested=True),
        "nested trainable": text(nested(), expand_nested=True, show_trainable=True),
        "trainable": text(frozen, show_trainable=True),
        "narrow": text(branches(), line_length=60),
        "range": text(linear(), layer_range=["b", "c"]),
        "compiled": text(compiled).split(" Total")[0] + text(compiled).split(" Non-trainable")[1].split("(2")[0],
        "unbuilt": text(unbuilt),
        "empty": text(empty),
        "positions": text(linear(), positions=[0.3, 0.6, 1.0]),
        "non-linear trainable": text(branches(), show_trainable=True),
        "big": text(keras.Sequential([keras.Input((1000,)), layers.Dense(2000, name="a")], name="big")),
        "range error": attempt(lambda: linear().summary(layer_range=["zz", "c"])).split(":")[0],
    }


def probe_get_layer():
    m = linear()
    return [m.get_layer("c").name, m.get_layer(index=0).name, m.get_layer(index=-1).name, attempt(lambda: m.get_layer("nope")),
            attempt(lambda: m.get_layer(index=9)), attempt(lambda: m.get_layer()), attempt(lambda: m.get_layer("a", 1)),
            nested().get_layer("middle").get_layer("inner").get_layer("i1").name]  # fmt: skip


def kind(f):
    """The type of a call's error, or that there was none."""
    found = attempt(f)
    return found.split(":")[0] if isinstance(found, str) else "fine"


def probe_graph_errors():
    x, y = keras.Input((4,), name="x"), keras.Input((4,), name="y")
    a = layers.Dense(2, name="a")
    found = [
        attempt(lambda: keras.Model(x, layers.Dense(2, name="a")(a(x)))),
        kind(lambda: keras.Model(x, 3)),
        kind(lambda: keras.Model(X, a(x))),
        kind(lambda: keras.Model([x], a(x))(3)),
        attempt(lambda: keras.Sequential([3])),
        kind(lambda: keras.Sequential([keras.Input((2,)), keras.Input((2,))])),
        attempt(lambda: chain().set_weights([X])),
        attempt(lambda: keras.Sequential([layers.Dense(1)]).summary(print_fn=lambda s: None)),
        kind(lambda: keras.Sequential([layers.Dense(1)]).count_params()),
        attempt(lambda: keras.Sequential([layers.Dense(1)]).weights),
        kind(lambda: keras.Sequential([layers.Dense(1)]).input_shape),
        kind(lambda: keras.Sequential([keras.Input((2,)), layers.Dense(1)]).add(keras.Input((3,)))),
        attempt(lambda: keras.Input()),
        attempt(lambda: keras.Input((2,), batch_shape=(1, 2))),
        kind(lambda: keras.Input((-1, "a"))),
    ]
    return [x if isinstance(x, str) else "fine" for x in found]


def probe_inputs_of_many_shapes():
    def fill(m):
        m.set_weights([np.full(w.shape, 0.1 * (i + 1)) for i, w in enumerate(m.weights)])
        return m

    two, named = fill(shared()), fill(dicts())
    x = keras.Input((4,), name="x")
    one = fill(keras.Model([x], [layers.Dense(1, name="o")(x)], name="one"))
    column = keras.Input((1,), name="c")
    last = keras.Model(column, column * 2, name="last")
    flat = keras.Input((), name="f")
    scalar = keras.Model(flat, flat + 1, name="scalar")
    return [
        two([X, X + 1]), two((X, X + 1)), two({"x": X, "y": X + 1}), two({"y": X + 1, "x": X, "more": X}),
        named({"a": X[:, :3], "b": X}), named({"a": X[:, :3], "b": X, "c": X}), one([X]), one(X), one({"x": X}),
        last(X[:, 0]), last(X[:, :1]), scalar(X[:, 0]), scalar(X[:, :1]),
        attempt(lambda: two([X])).split(":")[0], attempt(lambda: two({"x": X})).split(".")[0],
attempt(lambda: two([X, X[:, :3]])),
    ]  # fmt: skip


def probe_structures():
    x = keras.Input((4,), name="x")
    d = layers.Dense(1, name="d", kernel_initializer="ones")
    y = d(x)
    kinds = [
        keras.Model(x, [y]),
        keras.Model(x, (y, x)),
        keras.Model(x, {"k": y, "j": [x, y]}),
        keras.Model([x], y),
        keras.Model({"x": x}, y),
    ]
    shapes = []
    for m in kinds:
        out = m({"x": X} if isinstance(m.input_shape, dict) else [X] if isinstance(m.input, list) else X)
        shapes.append(
            [
                type(out).__name__ if keras.tree.is_nested(out) else "tensor",
                [tuple(t.shape) for t in keras.tree.flatten(out)],
            ]
        )
    return shapes


def probe_sequential():
    m = keras.Sequential(name="s")
    m.add(layers.Dense(3, name="a"))
    m.add(layers.Dense(2, name="b"))
    before = [m.built, len(m.weights), len(m.layers)]
    m.build((None, 4))
    middle = [m.built, [w.path for w in m.weights], m.output_shape]
    m.pop()
    after = [m.built, [w.path for w in m.weights], m.output_shape, [x.name for x in m.layers]]
    m.add(layers.Dense(5, name="c"))
    end = [m.output_shape, [w.path for w in m.weights], m.inputs[0].shape]
    late = keras.Sequential([layers.Dense(2, name="l")])
    y = late(X)
    return before, middle, after, end, tuple(y.shape), late.input_shape[1:], late.built, late.inputs[0].shape[1:]


def probe_new_inputs_and_features():
    m = chain()
    m.set_weights([np.full(w.shape, 0.5) for w in m.weights])
    z = keras.Input((4,), name="z")
    again = keras.Model(z, m(z) + 1, name="again")
    features = keras.Model(m.inputs, [layer.output for layer in m.layers[1:]], name="features")
    cut = keras.Model(m.get_layer("a").output, m.output, name="cut")
    return [again(X), [x for x in features(X)], cut(X[:, :3]), [w.path for w in again.weights]]


def probe_clone():
    m = branches()
    clone = keras.models.clone_model(m)
    names = [x.name for x in clone.layers], [w.path for w in clone.weights]

    def softer(layer):
        if isinstance(layer, layers.Dense):
            return layers.Dense(layer.units, activation="tanh", name=layer.name + "_t")
        return layer.__class__.from_config(layer.get_config())

    other = keras.models.clone_model(m, clone_function=softer)
    x, y = keras.Input((4,), name="n1"), keras.Input((3,), name="n2")
    placed = keras.models.clone_model(m, input_tensors=[x, y])
    seq = keras.models.clone_model(linear(), clone_function=softer)
    deep = keras.models.clone_model(nested(), clone_function=softer, recursive=True)
    return [names, [x.name for x in other.layers], [x.name for x in placed.layers], placed.name, [x.name for x in seq.layers],
            [w.path for w in deep.weights], kind(lambda: keras.models.clone_model(subclassed(), clone_function=softer))]  # fmt: skip


def probe_json_and_config():
    result = {}
    for f in (linear, branches, shared, nested, dicts, with_ops, embedding_lstm):
        m = f()
        again = keras.models.model_from_json(m.to_json())
        from_config = type(m).from_config(m.get_config())
        result[f.__name__] = [[x.name for x in again.layers], [w.path for w in again.weights], [x.name for x in from_config.layers],
                              again.name, type(again).__name__, sorted(set(json_keys(m)) - {"build_config"})]  # fmt: skip
    return result


def json_keys(m):
    import json

    return json.loads(m.to_json()).keys()


def probe_functional_subclass():
    class Net(keras.Model):
        def __init__(self, units, **kwargs):
            x = keras.Input((4,), name="x")
            super().__init__(inputs=x, outputs=layers.Dense(units, name="d")(x), **kwargs)
            self.units = units

        def get_config(self):
            return {"units": self.units, "name": self.name}

    m = Net(3, name="n")
    again = Net.from_config(m.get_config())
    return [m(X).shape, [x.name for x in m.layers], m.name, again.units, again.name, isinstance(m, keras.Model), m.output_shape,
            isinstance(m, keras.models.Model), type(m).__name__]  # fmt: skip


def probe_weights_round_trip():
    m = branches()
    values = [np.full(w.shape, i, "float32") for i, w in enumerate(m.get_weights())]
    m.set_weights(values)
    return m.get_weights(), attempt(lambda: m.set_weights(values[:-1])), m.get_weights()


def probe_state_tree():
    m = chain()
    m.compile("sgd", "mse")
    state = m.get_state_tree(value_format="numpy_array")
    before = m.get_weights()
    m.set_weights([np.zeros_like(w) for w in before])
    m.set_state_tree(state)
    same = all(np.array_equal(a, b) for a, b in zip(before, m.get_weights(), strict=True))
    return sorted(state), list(state["trainable_variables"]), same


def probe_names():
    return [keras.Sequential().name, keras.Sequential().name, keras.Model(*[keras.Input((1,))] * 2).name, layers.Dense(1).name,
            keras.layers.InputLayer((1,)).name, keras.Input((1,), name="me").name, type("MyNet", (keras.Model,), {})().name, layers.Dense(1).name]  # fmt: skip


def probe_frozen_models():
    m = nested()
    m.get_layer("middle").trainable = False
    a = [[w.path for w in m.trainable_weights], m.trainable, m.get_layer("middle").get_layer("inner").trainable]
    m.trainable = False
    m.trainable = True
    return a, [w.path for w in m.trainable_weights]
