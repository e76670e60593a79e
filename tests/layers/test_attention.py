"""Attention: what the cases don't show. Fused kernels, masks of every kind, dropout, shapes and bad arguments."""

import numpy as np
import pytest

import triceras
from tests.layers.cases.example import example
from triceras import layers, ops
from triceras.core import masks, registry

Q, V = example("2,4,6"), example("2,5,6", 1)
HEADS = {
    "multi_head": lambda **options: layers.MultiHeadAttention(2, 3, **options),
    "grouped": lambda **options: layers.GroupQueryAttention(3, 4, 2, **options),
}
KINDS = pytest.mark.parametrize("kind", HEADS)
SEEN = {
    "none": {},
    "causal": {"use_causal_mask": True},
    "value": {"value_mask": example("2,5:bool")},
    "query": {"query_mask": example("2,4:bool")},
    "all": {
        "query_mask": example("2,4:bool"),
        "key_mask": example("2,5:bool"),
        "attention_mask": example("2,4,5:bool"),
        "use_causal_mask": True,
    },
}


@pytest.fixture
def on_numpy():
    with triceras.use_backend("numpy"):
        yield


def numpy(x):
    return ops.convert_to_numpy(ops.cast(x, "float32"))


def built(make, *inputs, **options):
    layer = make(**options)
    layer(*inputs)
    layer.set_weights([0.3 * example(",".join(map(str, w.shape)), i) for i, w in enumerate(layer.weights)])
    return layer


def rows_that_see(options):
    """Which rows of the scores have any place to look at: the two ways differ in the others, whose query is masked."""
    kept = np.ones((2, 4, 5), bool)
    for name, mask in options.items():
        if name == "use_causal_mask":
            kept &= np.tri(4, 5, dtype=bool)
        else:
            kept &= {"query_mask": lambda m: m[:, :, None], "attention_mask": lambda m: m}.get(
                name, lambda m: m[:, None]
            )(mask)
    return kept.any(-1), kept


@KINDS
@pytest.mark.parametrize("window", [None, 2])
@pytest.mark.parametrize("seen", SEEN)
def test_fused_kernels_give_what_the_scores_give(backend, kind, seen, window):
    layer = built(HEADS[kind], Q, V, sliding_window=window)
    rows, kept = rows_that_see(SEEN[seen])
    out, scores = layer(Q, V, return_attention_scores=True, **SEEN[seen])
    if window:
        kept &= abs(np.arange(4)[:, None] - np.arange(5)) < window
        rows = kept.any(-1)
    fused = numpy(layer(Q, V, **SEEN[seen]))
    np.testing.assert_allclose(fused[rows], numpy(out)[rows], atol=2e-6)
    assert np.isfinite(fused).all()
    scores = np.moveaxis(numpy(scores), 1, -1)[rows]
    assert scores[~kept[rows]].max(initial=0) == 0 and scores[kept[rows]].min() > 0
    np.testing.assert_allclose(scores.sum(1), 1, atol=1e-5)


@KINDS
def test_the_fused_kernel_is_used_where_it_may_be(kind, monkeypatch):
    """One call of the op without scores and dropout; none otherwise."""
    calls = []
    whole = ops.dot_product_attention
    monkeypatch.setattr(
        ops, "dot_product_attention", lambda *args, **kwargs: calls.append(kwargs) or whole(*args, **kwargs)
    )
    with triceras.use_backend("numpy"):
        layer = built(HEADS[kind], Q, V, dropout=0.5, seed=1)
        calls.clear()
        for options, count in (
            ({}, 1),
            ({"training": False, "value_mask": example("2,5:bool")}, 1),
            ({"training": True}, 0),
            ({"return_attention_scores": True}, 0),
        ):
            layer(Q, V, **options)
            assert len(calls) == count, options
            calls.clear()
        layer(Q, V, use_causal_mask=True)
        assert calls[0]["is_causal"] and calls[0]["mask"] is None
        plain = layers.Attention()
        calls.clear()
        plain([Q, V]), layers.Attention(score_mode="concat")([Q, V])
        assert len(calls) == 1


def test_gradients_of_rows_that_see_nothing(trainable_backend):
    """Such rows see all places alike, as in Keras, and send no gradient to query and key; on all backends alike."""
    layer = built(HEADS["multi_head"], Q, V)
    options = {"query_mask": example("2,4:bool")}
    variables = layer.trainable_variables
    run = registry.current().value_and_grad(lambda: ops.sum(ops.square(layer(Q, V, **options))), variables)
    value, slopes = (registry.current().jit(run) if trainable_backend == "jax" else run)()
    with triceras.use_backend("numpy"):
        reference = built(HEADS["multi_head"], Q, V)
        np.testing.assert_allclose(numpy(value), numpy(ops.sum(ops.square(reference(Q, V, **options)))), rtol=1e-5)
        step, direction = 1e-2, [example(",".join(map(str, w.shape)), i) for i, w in enumerate(reference.weights)]
        ends = []
        for sign in (1, -1):
            moved = built(HEADS["multi_head"], Q, V)
            for w, d in zip(moved.weights, direction, strict=True):
                w.assign(w.numpy() + sign * step * d)
            ends.append(float(numpy(ops.sum(ops.square(moved(Q, V, **options))))))
    along = sum(float((numpy(s) * d).sum()) for s, d in zip(slopes, direction, strict=True))
    assert abs(along - (ends[0] - ends[1]) / (2 * step)) < 2e-2 * max(1.0, abs(along))


@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2), (2, 1), None, (-2,)])
@pytest.mark.usefixtures("on_numpy")  # the cases run some of these on every backend
def test_any_axes_equal_attention_over_what_they_name(axes):
    """Numbers, scores and masks over any dimensions are those of plain attention with the others in the batch."""
    x, mask = example("2,3,4,6"), example("2,3,4:bool")
    layer = built(lambda: layers.MultiHeadAttention(2, 3, attention_axes=axes), x, x)
    out, scores = layer(x, x, value_mask=mask, return_attention_scores=True)
    attended = tuple(a % 4 for a in axes or (1, 2))
    free = [i for i in (1, 2) if i not in attended]
    order = (0, *free, *attended, 3)
    batch = 2 * int(np.prod([x.shape[i] for i in free]))
    flat = x.transpose(order).reshape(batch, -1, 6)
    plain = built(lambda: layers.MultiHeadAttention(2, 3), flat, flat)
    want, told = plain(
        flat, flat, value_mask=mask.transpose(order[:3]).reshape(batch, -1), return_attention_scores=True
    )
    shape = [x.shape[i] for i in order]
    np.testing.assert_allclose(numpy(out).transpose(order), numpy(want).reshape(shape), atol=2e-6)
    sizes = [x.shape[i] for i in attended]
    assert tuple(scores.shape) == (2, *[x.shape[i] for i in free], 2, *sizes, *sizes)
    np.testing.assert_allclose(numpy(scores).reshape(numpy(told).shape), numpy(told), atol=2e-6)


@pytest.mark.usefixtures("on_numpy")
def test_masks_of_inputs_are_used_and_the_querys_is_passed_on():
    def embedded(ids):
        return layers.Embedding(9, 6, mask_zero=True)(np.array(ids))

    q, v = embedded([[1, 2, 0]]), embedded([[3, 0, 4, 5]])
    kept = np.array([[True, True, False]])
    for make in HEADS.values():
        out, scores = make()(q, v, return_attention_scores=True)
        assert numpy(scores)[0, 0, :2, 1].max() == 0 and numpy(scores)[0, 0, :2, 0].min() > 0
        np.testing.assert_array_equal(numpy(masks.get(make()(q, v))), kept)
        assert masks.get(make()(np.ones((1, 3, 6), "float32"), v)) is None
    for layer in (layers.Attention(), layers.AdditiveAttention()):
        out, scores = layer([q, v], return_attention_scores=True)
        assert numpy(scores)[..., 1].max() == 0 and numpy(scores)[..., 0].min() > 0
        assert numpy(out)[0, 2].max() == numpy(out)[0, 2].min() == 0
        np.testing.assert_array_equal(numpy(masks.get(layer([q, v]))), kept)
        assert masks.get(layer([np.ones((1, 3, 6), "float32"), v])) is None
        assert masks.get(q) is not None  # inputs keep theirs


def test_values_that_nobody_may_see_count_alike(backend):
    nothing = np.zeros((2, 5), bool)
    for layer in (layers.Attention(), layers.AdditiveAttention(), layers.Attention(dtype="float16")):
        out = numpy(layer([Q, V], mask=[None, nothing]))
        np.testing.assert_allclose(out, np.broadcast_to(V.mean(1, keepdims=True), out.shape), atol=2e-3)


@pytest.mark.parametrize("make", [*HEADS.values(), layers.Attention, layers.AdditiveAttention])
def test_dropout_is_that_of_the_seed(make):
    with triceras.use_backend("numpy"):
        several = make in HEADS.values()
        inputs = (Q, V) if several else ([Q, V],)
        one, two, other = (built(make, *inputs, dropout=0.5, seed=seed) for seed in (1, 1, 2))
        a, b, c = (numpy(layer(*inputs, training=True)) for layer in (one, two, other))
        np.testing.assert_array_equal(a, b)
        assert abs(a - c).max() > 1e-3 and abs(a - numpy(one(*inputs, training=True))).max() > 1e-3
        np.testing.assert_array_equal(numpy(one(*inputs)), numpy(other(*inputs, training=False)))
        _, scores = one(*inputs, training=True, return_attention_scores=True)
        assert (numpy(scores) == 0).any() != several  # Keras's heads give the scores before the dropout


def test_sublayers_are_named_as_in_keras():
    with triceras.use_backend("numpy"):
        layer = built(HEADS["multi_head"], Q, V, use_gate=True)
        assert [x.name for x in (layer.query_dense, layer.key_dense, layer.value_dense, layer.output_dense)] == [
            "query",
            "key",
            "value",
            "attention_output",
        ]
        assert layers.GroupQueryAttention(3, 4, 2).name.startswith("grouped_query_attention")
        assert layers.serialize(layers.GroupQueryAttention(3, 4, 2))["class_name"] == "GroupQueryAttention"


def test_flash_attention_gives_no_scores():
    with triceras.use_backend("numpy"), pytest.raises(ValueError, match="scores is not supported when flash attention"):
        layers.MultiHeadAttention(2, 3, flash_attention=True)(Q, V, return_attention_scores=True)


def test_symbolic_scores():
    """The shapes of scores over different sizes, which Keras foretells wrong for heads."""
    q, v = triceras.Input((None, 3, 6)), triceras.Input((5, 3, 6))
    out, scores = layers.MultiHeadAttention(2, 3, attention_axes=1, output_shape=(2, 4))(
        q, v, return_attention_scores=True
    )
    assert out.shape == (None, None, 3, 2, 4) and scores.shape == (None, 3, 2, None, 5)
    out, scores = layers.Attention()([triceras.Input((4, 6)), triceras.Input((None, 6))], return_attention_scores=True)
    assert out.shape == (None, 4, 6) and scores.shape == (None, 4, None)


BAD_ARGUMENTS = [
    ("MultiHeadAttention(0, 3)", "`num_heads`.*num_heads=0"),
    ("MultiHeadAttention(2, 0)", "`key_dim`.*key_dim=0"),
    ("MultiHeadAttention(2.0, 3)", "`num_heads`.*num_heads=2.0"),
    ("MultiHeadAttention(2, 3, value_dim=0)", "`value_dim`.*value_dim=0"),
    ("MultiHeadAttention(2, 3, attention_axes='a')", "`attention_axes` must be.*attention_axes=a"),
    ("MultiHeadAttention(2, 3, sliding_window=0)", "`sliding_window` must be.*sliding_window=0"),
    ("MultiHeadAttention(2, 3, sliding_window=2.5)", "`sliding_window` must be.*sliding_window=2.5"),
    ("MultiHeadAttention(2, 3, dropout=2.0)", "`dropout`.*from 0 to 1.*dropout=2.0"),
    ("MultiHeadAttention(2, 3, dropout=0.5, flash_attention=True)", "Dropout is not supported when flash attention"),
    ("GroupQueryAttention(3, 4, 3)", "divisible.*num_query_heads=4, num_key_value_heads=3"),
    ("GroupQueryAttention(0, 4, 2)", "`head_dim`.*head_dim=0"),
    ("GroupQueryAttention(3, 4, 0)", "`num_key_value_heads`.*num_key_value_heads=0"),
    ("GroupQueryAttention(3, 4, 2, sliding_window=-3)", "`sliding_window` must be.*sliding_window=-3"),
    ("GroupQueryAttention(3, 4, 2, dropout=0.5, flash_attention=True)", "Dropout is not supported"),
    ("Attention(score_mode='x')", "argument score_mode. Expected one of {'dot', 'concat'}. Received: score_mode=x"),
    ("Attention(dropout='a')", "`dropout`.*from 0 to 1.*dropout='a'"),
    ("AdditiveAttention(dropout=-1)", "`dropout`.*from 0 to 1.*dropout=-1"),
    ("AdditiveAttention(score_mode='dot')", "Unrecognized keyword arguments.*score_mode"),
]
THREE = "takes inputs of 3 dimensions.*Received: 4 dimensions"
BAD_SHAPES = [
    ("MultiHeadAttention(2, 3)", ["2,4,6", "2,5,6", "2,3,6"], "'a'.*`value` and `key`.*\\(2, 5, 6\\).*\\(2, 3, 6\\)"),
    ("MultiHeadAttention(2, 3)", ["4,6", "5,6"], "'a'.*same number of dimensions, 3 or more.*\\(4, 6\\).*\\(5, 6\\)"),
    ("MultiHeadAttention(2, 3)", ["2,4,6", "2,5,6,1"], "'a'.*same number.*\\(2, 4, 6\\).*\\(2, 5, 6, 1\\)"),
    ("MultiHeadAttention(2, 3, attention_axes=1)", ["2,4,3,6", "2,5,2,6"], "'a'.*differ in dimension 2"),
    ("MultiHeadAttention(2, 3, attention_axes=3)", ["2,4,3,6", "2,4,3,6"], "'a'.*attention_axes=\\(3,\\)"),
    ("MultiHeadAttention(2, 3, attention_axes=(1, 1))", ["2,4,3,6", "2,4,3,6"], "'a'.*different dimensions"),
    ("GroupQueryAttention(3, 4, 2)", ["2,2,4,6", "2,2,5,6"], f"'a' {THREE}"),
    ("GroupQueryAttention(3, 4, 2)", ["2,4,6", "2,5,6", "2,3,6"], "'a'.*`value` and `key`"),
    ("Attention()", [["2,4,6", "2,5,3"]], "'a'.*last dimension of query and key.*\\(2, 4, 6\\).*\\(2, 5, 3\\)"),
    ("Attention()", [["2,4,6", "2,5,6", "2,3,6"]], "'a'.*all others of value and key.*\\(2, 3, 6\\)"),
    ("AdditiveAttention()", [["2,4,6", "2,5,3"]], "'a'.*last dimension of query and key"),
    ("Attention()", ["2,4,6"], "must be called on a list of inputs.*inputs=\\(2, 4, 6\\)"),
    ("AdditiveAttention()", [["2,4,6"]], "AdditiveAttention layer accepts inputs list of length 2 or 3.*length: 1"),
]


@pytest.mark.parametrize(("expression", "text"), BAD_ARGUMENTS)
def test_bad_arguments(expression, text):
    with triceras.use_backend("numpy"), pytest.raises(ValueError, match=text):
        eval(f"layers.{expression}")


@pytest.mark.parametrize(("expression", "shapes", "text"), BAD_SHAPES)
def test_bad_shapes(expression, shapes, text):
    with triceras.use_backend("numpy"):
        layer = eval(f"layers.{expression}")
        layer.name = "a"
        inputs = [[example(s) for s in shape] if isinstance(shape, list) else example(shape) for shape in shapes]
        with pytest.raises(ValueError, match=text):
            layer(*inputs)


@pytest.mark.parametrize(
    ("layer", "inputs", "options", "text"),
    [
        ("Attention()", ([Q, V],), {"mask": np.ones((2, 4), bool)}, "mask must be a list.*shape \\(2, 4\\)"),
        ("Attention()", ([Q, V],), {"mask": [np.ones((2, 4), bool)]}, "mask list of length 2 or 3.*length: 1"),
        (
            "MultiHeadAttention(1, 2, attention_axes=(1, 2))",
            (example("1,2,3,4"),) * 2,
            {"use_causal_mask": True},
            "need one dimension to attend over.*\\(1, 2\\)",
        ),
        (
            "MultiHeadAttention(1, 2, attention_axes=(1, 2))",
            (example("1,2,3,4"),) * 2,
            {"value_mask": np.ones((1, 2), bool)},
            "`value_mask` must have the shape.*\\(1, 2\\) for inputs of 4 dimensions",
        ),
    ],
)
def test_bad_masks(layer, inputs, options, text):
    with triceras.use_backend("numpy"), pytest.raises(ValueError, match=text):
        eval(f"layers.{layer}")(*inputs, **options)
