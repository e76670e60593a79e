# ruff: noqa: F821, E501, E731, F841 - `keras`, `layers`, `ops`, `np` and `attempt` are given by tests/probes.py
BOLD, PLAIN = "\x1b[1m", "\x1b[0m"
X = np.arange(6, dtype="float32").reshape(2, 3)


def names(variables):
    return [v.path for v in variables]


def kinds(layer):
    return [names(v) for v in (layer.variables, layer.weights, layer.trainable_variables, layer.non_trainable_variables,
                               layer.trainable_weights, layer.non_trainable_weights)]  # fmt: skip


class Scale(layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")
        self.offset = self.add_weight(shape=(1,), initializer="zeros", name="offset")

    def call(self, inputs):
        return inputs * self.scale * self.factor + self.offset


class Block(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Dense(2, name="first")
        self.many = [layers.Dense(2, name="a"), (layers.BatchNormalization(name="b"), {"k": layers.Dropout(0.5)})]
        self.table = {"z": layers.Dense(1, name="z"), "y": layers.Dense(1, name="y")}

    def call(self, x, training=None):
        x = self.many[0](self.first(x))
        x = self.many[1][1]["k"](self.many[1][0](x, training=training))
        return self.table["z"](x) + self.table["y"](x)


def probe_weights_and_order():
    layer = Scale(name="s")
    before = [layer.built, len(layer.weights)]
    layer(X)
    return before, layer.built, kinds(layer), layer.count_params(), repr(layer)


def probe_nested():
    block = Block(name="block")
    block(X)
    return kinds(block), [w.shape for w in block.weights], [x.name for x in block._flatten_layers(include_self=False)] if hasattr(
        block, "_flatten_layers") and keras.__name__ == "keras" else [x.name for x in block._flatten_layers()[1:]]  # fmt: skip


def probe_nested_frozen():
    block = Block(name="block")
    block(X)
    block.trainable = False
    first = kinds(block), block.first.trainable, block.many[0].kernel.trainable
    block.trainable = True
    second = kinds(block)
    block.first.trainable = False
    return first, second, kinds(block), block.trainable


def probe_frozen_before_build():
    block = Block(name="block", trainable=False)
    block(X)
    block2 = Block(name="block2")
    block2.trainable = False
    block2(X)
    block2.trainable = True
    return kinds(block), kinds(block2)


def probe_own_weights_after_sublayers():
    class Mixed(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = layers.Dense(1)

        def build(self, shape):
            self.late = self.add_weight(shape=(1,), name="late")
            self.dense.build(shape)
            self.frozen = self.add_weight(shape=(1,), name="frozen", trainable=False)

        def call(self, x):
            return self.dense(x) + self.late

    layer = Mixed()
    layer(X)
    return kinds(layer)


def probe_variables_as_attributes():
    class Own(layers.Layer):
        def __init__(self):
            super().__init__()
            self.v = keras.Variable([1.0], name="v")
            self.lists = [keras.Variable(1.0, name="l0"), keras.Variable(2.0, name="l1", trainable=False)]
            self.seeds = keras.random.SeedGenerator(1, name="seeds")

        def call(self, x):
            return x

    layer = Own()
    return kinds(layer), len(layer.get_weights())


def probe_lists_that_grow():
    class Grows(layers.Layer):
        def __init__(self):
            super().__init__()
            self.items = []
            for i in range(2):
                self.items.append(layers.Dense(1, name=f"d{i}"))
            self.more = {}
            self.more["x"] = layers.Dense(1, name="x")
            self.items.extend([layers.Dense(1, name="e")])
            self.items += [layers.Dense(1, name="plus")]
            self.items.insert(0, layers.Dense(1, name="zero"))
            self.items.pop(1)

        def call(self, x):
            return sum([d(x) for d in self.items]) + self.more["x"](x)

    layer = Grows()
    layer(X)
    return sorted(names(layer.weights))


def probe_reassigned_and_deleted():
    class Holder(layers.Layer):
        def __init__(self):
            super().__init__()
            self.a = layers.Dense(1, name="old")
            self.a = layers.Dense(1, name="new")
            self.b = layers.Dense(1, name="gone")
            del self.b
            self.c = layers.Dense(1, name="none")
            self.c = None

        def call(self, x):
            return self.a(x)

    layer = Holder()
    layer(X)
    return names(layer.weights), hasattr(layer, "b"), layer.c


def probe_shared_inside():
    class Shares(layers.Layer):
        def __init__(self):
            super().__init__()
            self.a = layers.Dense(3, name="d")
            self.b = self.a
            self.list = [self.a]

        def call(self, x):
            return self.b(self.a(x))

    layer = Shares()
    layer(X)
    return kinds(layer)


def probe_unknown_arguments():
    return [attempt(lambda: layers.Dense(1, units2=3)), attempt(lambda: layers.Layer(name="a/b")),
            attempt(lambda: layers.Dense(1, name=3)), attempt(lambda: layers.Layer(3))[:9]]  # fmt: skip


def probe_input_errors():
    dense = layers.Dense(2, name="d")
    dense(X)
    conv = layers.Conv2D(2, 2, name="c")
    lstm = layers.LSTM(2, name="l")
    add = layers.Add(name="add")
    x = keras.Input((4,), name="x")
    model = keras.Model(x, layers.Dense(1)(x), name="m")
    two = keras.Model([x, keras.Input((2,), name="y")], x, name="two")
    return [
        attempt(lambda: dense(np.ones((2, 4)))),
        attempt(lambda: layers.Dense(1, name="e")(np.ones(3))),
        attempt(lambda: conv(np.ones((2, 3)))),
        attempt(lambda: lstm(np.ones((2, 3)))),
        attempt(lambda: model(np.ones((2, 5)))),
        attempt(lambda: model(np.ones((2, 5, 4)))),
        attempt(lambda: two([np.ones((2, 4))]))[:10],
        attempt(lambda: dense([X, X])).split(" Inputs")[0],
        attempt(lambda: dense("text"))[:10],
        attempt(lambda: dense.set_weights([X])),
        attempt(lambda: dense.set_weights([X, X])).split(" (d/")[0].rstrip("."),
        attempt(lambda: layers.Dense(1, name="f").count_params()),
    ]


def probe_training_argument():
    seen = []

    class Leaf(layers.Layer):
        def call(self, x, training=None):
            seen.append(training)
            return x

    class Default(layers.Layer):
        def call(self, x, training=True):
            seen.append(training)
            return x

    class Middle(layers.Layer):
        def __init__(self):
            super().__init__()
            self.leaf = Leaf()

        def call(self, x):
            return self.leaf(x)

    class Overrules(Middle):
        def call(self, x, training=None):
            return self.leaf(x, training=False)

    class Twice(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner, self.leaf = Overrules(), Leaf()

        def call(self, x):
            return self.leaf(self.inner(x))

    class Says(Middle):
        def call(self, x, training=True):
            return self.leaf(x)

    result = {}
    for kind in (Leaf, Default, Middle, Overrules, Twice, Says):
        layer = kind()
        layer(X)
        for says in ({}, {"training": True}, {"training": False}):
            del seen[:]
            layer(X, **says)
            result[f"{kind.__name__} {says}"] = list(seen)
    x = keras.Input((3,))
    for kind in (Leaf, Middle, Default):
        for node in ({}, {"training": True}, {"training": False}):
            model = keras.Model(x, kind()(x, **node))
            for says in ({}, {"training": True}, {"training": False}):
                del seen[:]
                model(X, **says)
                result[f"{kind.__name__} {node} in a model {says}"] = list(seen)
    return {key: x for key, x in result.items() if "Twice" not in key}  # in Keras one layer's word leaks into the next


def probe_losses():
    class Adds(layers.Layer):
        def call(self, x):
            self.add_loss(ops.sum(x))
            self.add_loss([ops.mean(x), ops.max(x)])
            return x * 2

    a, b = Adds(), Adds()
    dense = layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.1), bias_regularizer="l1",
                         kernel_initializer="ones", bias_initializer="ones", activity_regularizer=keras.regularizers.L1(0.01))  # fmt: skip
    model = keras.Sequential([keras.Input((3,)), a, b, dense])
    first = len(model.losses) - 2
    model(X)
    second = [float(v) for v in model.losses]
    model(X + 1)
    third = [float(v) for v in model.losses]
    dense.trainable = False
    return first, second, third, [float(v) for v in model.losses], [float(v) for v in dense.losses]


def probe_activity_regularizers():
    x = np.array([[1.0, -2.0], [3.0, 4.0]], "float32")
    out = []
    for layer in (layers.ActivityRegularization(0.1, 0.2), layers.Activation("relu", activity_regularizer="l2"),
                  layers.Dense(1, kernel_initializer="ones", activity_regularizer=keras.regularizers.L1L2(0.5, 0.25))):  # fmt: skip
        layer(x)
        out.append([float(v) for v in layer.losses])
    return out


def probe_stateless():
    layer = layers.BatchNormalization(momentum=0.5, gamma_regularizer="l2")
    layer(X)
    tv, ntv = [v.value for v in layer.trainable_variables], [v.value for v in layer.non_trainable_variables]
    out, new = layer.stateless_call(tv, ntv, X, training=True)
    out2, new2, losses = layer.stateless_call([t + 1 for t in tv], ntv, X, training=True, return_losses=True)
    kept = [v.numpy() for v in layer.variables]
    return out, list(new), out2, list(new2), [float(v) for v in losses], kept


def probe_stateless_errors():
    layer = layers.Dense(1, name="d")
    early = attempt(lambda: layer.stateless_call([], [], X))
    layer(X)
    return early.split(":")[0], attempt(lambda: layer.stateless_call([], [], X)).split(":")[0]


def probe_configs():
    class Plain(layers.Layer):
        def __init__(self, units, rate=0.5, name=None, **kwargs):
            super().__init__(name=name, **kwargs)
            self.units = units

    class Holds(layers.Layer):
        def __init__(self, layer, **kwargs):
            super().__init__(**kwargs)

    def bare(config):
        return {k: v if k != "dtype" else v["config"]["name"] for k, v in sorted(config.items())}

    return [
        bare(Plain(3, name="p").get_config()),
        bare(Plain(units=4, rate=0.1, name="q", trainable=False, dtype="float16").get_config()),
        bare(Plain.from_config(Plain(3, name="p").get_config()).get_config()),
        attempt(lambda: Holds(layers.Dense(1)).get_config()).split(":")[0],
        bare(Scale(3.0, name="s").get_config()),
        bare(layers.ActivityRegularization(l1=0.5, name="a").get_config()),
        bare(layers.Activation("relu", activity_regularizer="l2", name="z").get_config())["name"],
    ]


def probe_shapes():
    d = layers.Dense(3)
    return [
        d.compute_output_shape((None, 2)), d.built, layers.Conv2D(4, 3, padding="same").compute_output_shape((None, 5, 6, 1)),
        layers.LSTM(3, return_sequences=True, return_state=True).compute_output_shape((None, 4, 2)),
        layers.Concatenate().compute_output_shape([(None, 2), (None, 3)]),
        layers.Flatten().compute_output_shape((None, 2, 3)), layers.Reshape((-1, 2)).compute_output_shape((None, 6)),
        layers.Embedding(5, 3).compute_output_shape((None, 7)),
        layers.MultiHeadAttention(2, 3).compute_output_shape((None, 4, 6), (None, 5, 6)),
        list(d.compute_output_spec(keras.KerasTensor((None, 2))).shape),
    ]  # fmt: skip


def probe_multi_input_build():
    shapes = []

    class Two(layers.Layer):
        def build(self, a_shape, b_shape):
            shapes.append([a_shape, b_shape])

        def call(self, a, b):
            return a + b

    class ListOf(layers.Layer):
        def build(self, input_shape):
            shapes.append(input_shape)

        def call(self, inputs):
            return inputs[0] + inputs[1]

    class DictOf(layers.Layer):
        def build(self, input_shape):
            shapes.append(input_shape)

        def call(self, inputs):
            return inputs["a"]

    class Optional(layers.Layer):
        def build(self, query_shape, value_shape, key_shape=None):
            shapes.append([query_shape, value_shape, key_shape])

        def call(self, query, value, key=None):
            return query

    Two()(X, X)
    Two()(X, b=X)
    Two()(a=X, b=X)
    ListOf()([X, X])
    DictOf()({"a": X, "b": X})
    Optional()(X, X)
    Optional()(X, X, key=X)
    return [
        list(map(list, s))
        if isinstance(s, (list, tuple)) and s and isinstance(s[0], tuple) and None not in s
        else str(s)
        for s in shapes
    ]


def probe_dtypes():
    out = []
    for policy in ("float32", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16", "float64"):
        d = layers.Dense(2, dtype=policy)
        y = d(X)
        out.append([d.dtype, d.compute_dtype, d.variable_dtype, d.kernel.dtype, keras.backend.standardize_dtype(y.dtype),
                    d.dtype_policy.name, repr(d.dtype_policy)])  # fmt: skip
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        d = layers.Dense(1)
        inner = layers.Dense(1, dtype="float32")
        y = inner(d(X))
        e = layers.Embedding(3, 2)(np.array([[1, 2]]))
        out.append([d.compute_dtype, inner.compute_dtype, keras.backend.standardize_dtype(y.dtype),
                    keras.backend.standardize_dtype(e.dtype), keras.config.dtype_policy().name])  # fmt: skip
        model = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.Activation("softmax", dtype="float32")])
        out.append(
            [
                model.dtype_policy.name,
                model.layers[0].dtype_policy.name,
                keras.backend.standardize_dtype(model(X).dtype),
            ]
        )
    finally:
        keras.config.set_dtype_policy("float32")
    return out


def probe_autocast():
    seen = []

    class See(layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(3,), name="w")
            self.kept = self.add_weight(shape=(3,), name="kept", autocast=False)
            self.ints = self.add_weight(shape=(3,), name="ints", dtype="int32", initializer="zeros", trainable=False)

        def call(self, x, extra=None):
            seen.append(
                [keras.backend.standardize_dtype(t.dtype) for t in (x, self.w.value, self.kept.value, self.ints.value)]
            )
            if extra is not None:
                seen[-1].append(keras.backend.standardize_dtype(extra.dtype))
            return x

    See(dtype="mixed_float16")(X)
    See(dtype="mixed_float16", autocast=False)(X)
    See(dtype="mixed_float16")(X.astype("float64"), extra=ops.ones((2,)))
    See(dtype="mixed_float16")(np.ones((2, 3), "int32"))
    See()(np.ones((2, 3), "float64"))
    See()(np.ones((2, 3), "float16"))
    See()(ops.ones((2, 3), "float16"))
    return seen


def probe_policy_errors():
    return [attempt(lambda: keras.DTypePolicy("nope")).split(".")[0], attempt(lambda: layers.Dense(1, dtype="nope")).split(".")[0],
            keras.DTypePolicy("mixed_float16").get_config(), keras.dtype_policies.get("float16").name,
            keras.DTypePolicy("float32") == keras.DTypePolicy("float32")]  # fmt: skip


def probe_constraints_and_regularizers():
    class Own(layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(
                shape=(2,),
                initializer=keras.initializers.Constant(2.0),
                regularizer="l2",
                constraint="non_neg",
                name="w",
            )
            self.default = self.add_weight(name="scalar")
            self.b = self.add_weight(shape=(1,), dtype="bool", name="b", trainable=False)

        def call(self, x):
            return x

    layer = Own()
    layer(X)
    return (
        [float(v) for v in layer.losses],
        type(layer.w.constraint).__name__,
        layer.default.shape,
        layer.b.dtype,
        kinds(layer),
    )


def probe_batch_norm_frozen():
    bn = layers.BatchNormalization(momentum=0.5)
    bn(X)
    bn.trainable = False
    y = bn(X, training=True)
    return y, [v.numpy() for v in bn.weights]


def probe_attributes():
    d = layers.Dense(2, name="d")
    x = keras.Input((3,), name="x")
    y = d(x)
    return [d.path, y.shape, d.input.shape, d.output.shape, d.supports_masking, d.input_spec.min_ndim, d.input_spec.axes,
            d.kernel.path, d.name, d.built, layers.Flatten().supports_masking, layers.Dropout(0.1).supports_masking]  # fmt: skip


def probe_get_build_config():
    d = layers.Dense(2)
    before = d.get_build_config()
    d(X)
    e = layers.Dense(2)
    e.build_from_config(d.get_build_config())
    return before, str(d.get_build_config()), e.kernel.shape


def probe_call_errors():
    class Fails(layers.Layer):
        def call(self, inputs, scale=1.0, training=None):
            raise ValueError("boom")

    class Needs(layers.Layer):
        def call(self, a, b):
            return a

    return [
        attempt(lambda: Fails(name="f")(X, scale=3.0)).split("Arguments")[0].replace(BOLD, "").replace(PLAIN, ""),
        attempt(lambda: Fails(name="f")({"k": X})).split("Arguments")[0].replace(BOLD, "").replace(PLAIN, ""),
        attempt(lambda: Needs()(X)).split(":")[0],
        attempt(lambda: Needs()(X, X, X)).split(":")[0],
        attempt(lambda: Needs()(X, X, c=3)).split(":")[0],
        attempt(lambda: layers.Layer()(X)).split(":")[0],
        attempt(lambda: Needs()(X, "text")).split(".")[0],
        attempt(lambda: Needs()(X, b="text")) is not None,
    ]


def probe_forgotten_super():
    class Forgot(layers.Layer):
        def __init__(self):
            self.units = 3

        def call(self, x):
            return x

    class ForgotWithLayer(layers.Layer):
        def __init__(self):
            self.d = layers.Dense(1)

        def call(self, x):
            return self.d(x)

    return [
        attempt(lambda: Forgot()(X)).split(",")[0].split(":")[0],
        attempt(lambda: ForgotWithLayer()(X)).split(":")[0],
    ]


def probe_order_of_attributes():
    class Late(layers.Layer):
        def __init__(self):
            super().__init__()
            self.blocks = []
            self.v = keras.Variable([1.0], name="v")
            self.head = layers.Dense(1, name="head")
            for i in range(2):
                self.blocks.append(layers.Dense(1, name=f"block{i}"))
            self.w = self.add_weight(shape=(1,), name="w")
            self.tail = layers.Dense(1, name="tail")
            self.blocks.insert(0, layers.Dense(1, name="inserted"))
            self.u = keras.Variable([1.0], name="u")
            self.maps = {"z": layers.Dense(1, name="z")}
            self.maps["a"] = layers.Dense(1, name="a")

        def call(self, x):
            out = self.tail(self.head(x)) + self.maps["z"](x) + self.maps["a"](x)
            return out + sum([b(x) for b in self.blocks])

    layer = Late()
    layer(X)
    return kinds(layer)
