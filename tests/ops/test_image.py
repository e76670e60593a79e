"""Ops on images: what the samples in `triceras.testing` don't show. Values, specs and gradients are tested there."""

import numpy as np
import pytest

import triceras
from triceras import config, layers, ops, random
from triceras.core.spec import Spec
from triceras.ops.image import resizing

image = ops.image


def pictures(*shape, dtype="float32"):
    return np.random.default_rng(0).uniform(0, 1, shape).astype(dtype)


def array(x):
    return ops.convert_to_numpy(x)


# --- layouts ----------------------------------------------------------------------------------------------------------

TURN = np.float32([1.1, 0.2, -0.5, -0.1, 0.9, 0.7, 0, 0])
CORNERS = np.float32([[0, 0], [4, 0], [0, 3], [4, 4]])
CALLS = {
    "affine_transform": lambda x, **more: image.affine_transform(x, TURN, **more),
    "crop_images": lambda x, **more: image.crop_images(x, 1, 2, 0, 1, **more),
    "elastic_transform": lambda x, **more: image.elastic_transform(x, 2.0, 1.0, seed=1, **more),
    "extract_patches": lambda x, **more: image.extract_patches(x, 2, **more),
    "gaussian_blur": lambda x, **more: image.gaussian_blur(x, **more),
    "hsv_to_rgb": lambda x, **more: image.hsv_to_rgb(x, **more),
    "pad_images": lambda x, **more: image.pad_images(x, 1, 2, 0, 1, **more),
    "perspective_transform": lambda x, **more: image.perspective_transform(x, CORNERS, CORNERS + 0.3, **more),
    "resize": lambda x, **more: image.resize(x, (3, 9), **more),
    "rgb_to_grayscale": lambda x, **more: image.rgb_to_grayscale(x, **more),
    "rgb_to_hsv": lambda x, **more: image.rgb_to_hsv(x, **more),
}


@pytest.mark.parametrize("name", CALLS)
def test_channels_first_is_channels_last_with_the_axes_moved(backend, name):
    x = pictures(2, 6, 5, 3)
    last, first = CALLS[name](x), CALLS[name](np.moveaxis(x, -1, 1), data_format="channels_first")
    np.testing.assert_allclose(np.moveaxis(array(first), 1, -1), array(last), atol=1e-6)


@pytest.mark.parametrize("name", [name for name in CALLS if name != "elastic_transform"])
def test_one_image_gives_what_it_gives_in_a_batch(backend, name):
    x = pictures(2, 6, 5, 3)
    np.testing.assert_allclose(array(CALLS[name](x[1])), array(CALLS[name](x))[1], atol=1e-6)


@pytest.mark.parametrize("name", CALLS)
def test_no_images_give_no_images(backend, name):
    x = ops.zeros((0, 6, 5, 3))
    assert ops.shape(CALLS[name](x)) == (0, *CALLS[name](Spec((None, 6, 5, 3))).shape[1:])


def test_the_data_format_of_the_settings_is_the_default():
    config.set_image_data_format("channels_first")
    try:
        assert image.resize(Spec((2, 3, 4, 5)), (7, 8)).shape == (2, 3, 7, 8)
    finally:
        config.set_image_data_format("channels_last")


# --- unknown sizes ----------------------------------------------------------------------------------------------------


def test_sizes_that_nobody_knows_stay_unknown():
    x = layers.Input((None, None, 3))
    assert image.resize(x, (4, 5)).shape == (None, 4, 5, 3)
    assert image.crop_images(x, 1, 1, 1, 1).shape == (None, None, None, 3)
    assert image.pad_images(x, 1, 1, target_height=8, target_width=9).shape == (None, 8, 9, 3)
    assert image.extract_patches(x, (2, 3)).shape == (None, None, None, 18)
    assert image.sobel_edges(x).shape == (None, None, None, 3, 2)
    assert image.ssim(x, x).shape == (None,)
    assert ops.space_to_depth(x, 2).shape == (None, None, None, 12)


GRAPH_CALLS = {
    **{
        f"resize {how} {smooth}": lambda x, how=how, smooth=smooth: image.resize(x, (3, 9), how, smooth)
        for how in ("nearest", "bilinear", "bicubic", "lanczos3")
        for smooth in (False, True)
    },
    **{name: CALLS[name] for name in ("affine_transform", "gaussian_blur", "rgb_to_hsv", "rgb_to_grayscale")},
    "sobel_edges": image.sobel_edges,
    "scale_and_translate": lambda x: image.scale_and_translate(
        x, (2, 4, 4, 3), [0.7, 0.6], [0.1, 0.2], (1, 2), "cubic"
    ),
    "map_coordinates": lambda x: image.map_coordinates(x, np.full((4, 1, 2), 0.4, "float32"), 1, "mirror"),
    "space_to_depth": lambda x: ops.space_to_depth(x, 2),
}


@pytest.mark.parametrize("name", GRAPH_CALLS)
def test_graphs_that_find_the_sizes_when_they_run(name):
    tf = pytest.importorskip("tensorflow")
    x = pictures(2, 6, 4, 3)
    with triceras.use_backend("tensorflow"):
        signature = tf.TensorSpec((None, None, None, 3), tf.float32)
        traced = tf.function(GRAPH_CALLS[name], input_signature=[signature], autograph=False)
        np.testing.assert_allclose(array(traced(x)), array(GRAPH_CALLS[name](x)), atol=1e-5)


# --- resize -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interpolation", resizing.INTERPOLATIONS)
@pytest.mark.parametrize("antialias", [False, True])
def test_the_same_size_changes_nothing(backend, interpolation, antialias):
    x = pictures(1, 4, 5, 2)
    np.testing.assert_array_equal(array(image.resize(x, (4, 5), interpolation, antialias)), x)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos3", "lanczos5"])
def test_antialias_makes_every_pixel_count(backend, interpolation):
    x = np.zeros((1, 16, 1, 1), "float32")
    x[0, 1] = 1  # between the few pixels that count without
    without = array(image.resize(x, (2, 1), interpolation))
    smooth = array(image.resize(x, (2, 1), interpolation, antialias=True))
    assert without[0, 0, 0, 0] == 0 or interpolation.startswith("lanczos")
    assert smooth[0, 0, 0, 0] > 0.01


def test_integers_are_rounded_and_stay_in_range(backend):
    x = np.uint8([0, 0, 255, 255]).reshape(1, 4, 1, 1)
    found = image.resize(x, (8, 1), "bicubic")
    assert ops.dtype(found) == "uint8"
    found = array(found).ravel().tolist()
    assert found[:2] == [0, 0] and found[-2:] == [255, 255] and sorted(found) == found
    assert array(image.resize(np.int32([0, 1]).reshape(2, 1, 1), (4, 1))).ravel().tolist() == [0, 0, 1, 1]


def test_weights_are_made_once_for_a_size(backend):
    image.resize(pictures(11, 13, 1), (5, 7), "bicubic")
    made = resizing._taps.cache_info().misses
    image.resize(pictures(2, 11, 13, 1), (5, 7), "bicubic")
    assert resizing._taps.cache_info().misses == made


def test_padding_shows_where_the_ratio_is_another(backend):
    found = array(image.resize(np.ones((4, 2, 1), "float32"), (4, 4), pad_to_aspect_ratio=True, fill_value=5.0))
    assert found[:, :, 0].tolist() == [[5, 1, 1, 5]] * 4
    found = array(image.resize(np.arange(8, dtype="float32").reshape(4, 2, 1), (2, 2), crop_to_aspect_ratio=True))
    assert found[:, :, 0].tolist() == [[2, 3], [4, 5]]


# --- the others -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_depth_to_space_undoes_space_to_depth(backend, data_format):
    x = pictures(2, 4, 6, 8)
    there = ops.space_to_depth(x, 2, data_format)
    np.testing.assert_array_equal(array(ops.depth_to_space(there, 2, data_format)), x)


def test_perspective_takes_points_to_points(backend):
    x = np.zeros((8, 8, 1), "float32")
    for column, row in CORNERS.astype(int):
        x[row, column] = 1 + row + 10 * column
    moved = CORNERS + np.float32([[1, 2], [2, 1], [0, 3], [3, 2]])
    found = array(image.perspective_transform(x, CORNERS, moved))
    for (column, row), (new_column, new_row) in zip(CORNERS.astype(int), moved.astype(int), strict=True):
        assert found[new_row, new_column, 0] == pytest.approx(x[row, column, 0], rel=1e-3)


def test_the_colours_come_back(backend):
    x = pictures(2, 5, 4, 3)
    np.testing.assert_allclose(array(image.hsv_to_rgb(image.rgb_to_hsv(x))), x, atol=1e-5)


def test_ssim_is_one_for_equal_images_and_less_for_others(backend):
    x, y = pictures(2, 12, 12, 3), 1 - pictures(2, 12, 12, 3)
    np.testing.assert_allclose(array(image.ssim(x, x)), [1, 1], rtol=1e-5)
    assert (array(image.ssim(x, y)) < 0).all()


def test_a_blur_may_be_computed(trainable_backend):
    x = ops.convert_to_tensor(pictures(1, 5, 5, 1))
    grad = triceras.grad(lambda sigma: ops.sum(ops.square(image.gaussian_blur(x, (3, 3), sigma))))
    assert (array(grad(ops.convert_to_tensor([0.7, 0.9]))) < 0).all()


def ramps(size):
    return np.stack(np.indices((size, size)), -1).astype("float32")[None]


def test_elastic_moves_are_smooth_and_of_the_size_asked_for(backend):
    x, alpha = np.repeat(ramps(64), 4, 0), 3.0
    found = array(image.elastic_transform(x, alpha=alpha, sigma=2.0, fill_mode="nearest", seed=5))
    moves = (found - x)[:, 12:-12, 12:-12]
    assert moves.std() == pytest.approx(alpha / (2 * np.sqrt(np.pi)), rel=0.15)
    assert abs(moves.mean()) < 0.15
    rows, columns = moves[..., 0], moves[..., 1]
    assert abs(np.corrcoef(rows.ravel(), columns.ravel())[0, 1]) < 0.15
    assert np.corrcoef(rows[:, 1:].ravel(), rows[:, :-1].ravel())[0, 1] == pytest.approx(0.94, abs=0.03)


def test_elastic_transforms_follow_their_seed(backend):
    x = pictures(1, 8, 8, 1)
    one, again, other = (array(image.elastic_transform(x, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.05
    generator = random.SeedGenerator(3)
    first, second = (array(image.elastic_transform(x, seed=generator)) for _ in range(2))
    assert np.abs(first - second).max() > 0.05


# --- errors -----------------------------------------------------------------------------------------------------------

X = pictures(2, 6, 5, 3)
WRONG = [
    (lambda: image.resize(X, 3), r"ops\.image\.resize\(images=<float32 \(2, 6, 5, 3\)>.*argument size must be two pos"),
    (lambda: image.resize(X, (3, 0)), "argument size must be two positive ints"),
    (lambda: image.resize(X, (3, 3), "cubic"), "interpolation must be one of 'nearest', 'bilinear', .*got 'cubic'"),
    (lambda: image.resize(X, (3, 3), fill_mode="edge"), "argument fill_mode must be one of 'constant'; got 'edge'"),
    (lambda: image.resize(X, (3, 3), crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), "can't both be True"),
    (lambda: image.resize(X[0, 0], (3, 3)), r"images must have 3 dimensions .* got shape \(5, 3\)"),
    (lambda: image.resize(X[:, :0], (3, 3)), "must not be empty in height or width"),
    (lambda: image.resize(X, (3, 3), data_format="first"), "data_format.*first"),
    (lambda: image.rgb_to_grayscale(X[..., :2]), r"must have 1 or 3 channels \(grey or RGB\); got 2"),
    (lambda: image.rgb_to_hsv(X.astype("uint8")), "must have a floating dtype, .* got uint8"),
    (lambda: image.hsv_to_rgb(X[..., :2]), "must have 3 channels"),
    (lambda: image.sobel_edges(X.astype("uint8")), "a dtype with negative numbers; got uint8"),
    (lambda: image.sobel_edges(X[:, :1]), "at least 2 by 2"),
    (lambda: image.gaussian_blur(X, (0, 3)), "argument kernel_size must be a positive int or 2 of them"),
    (lambda: image.gaussian_blur(X, sigma=(1, 2, 3)), "argument sigma must be a number or two"),
    (lambda: image.ssim(X, X), "filter_size=11: such a window doesn't fit into images of shape"),
    (lambda: image.ssim(X, X[:, :4], filter_size=2), "broadcast"),
    (lambda: image.crop_images(X, 1, 1), "exactly two of top_cropping, bottom_cropping, target_height must be given"),
    (lambda: image.crop_images(X, 4, 0, 4, 0), "top_cropping=4, bottom_cropping=4, .* don't fit images of height 6"),
    (lambda: image.pad_images(X, -1, 0, 0, 0), "don't fit images of height 6: one of the numbers would be negative"),
    (lambda: image.extract_patches(X, 9), "a window of 9 .* doesn't fit into an axis of size 6"),
    (lambda: image.extract_patches(X, 2, padding="full"), "padding must be one of 'valid', 'same'; got 'full'"),
    (lambda: image.extract_patches_3d(X[0, 0], 2), r"images must have 4 dimensions \(depth, height, width, channels\)"),
    (lambda: image.affine_transform(X, TURN[:6]), r"argument transform must have shape \(8,\) or \(2, 8\)"),
    (lambda: image.affine_transform(X, np.stack([TURN] * 3)), r"\(2, 8\); got shape \(3, 8\)"),
    (lambda: image.affine_transform(X, TURN, fill_mode="edge"), "fill_mode must be one of .*'reflect'; got 'edge'"),
    (lambda: image.perspective_transform(X, CORNERS[:3], CORNERS), r"start_points must have shape \(4, 2\)"),
    (lambda: image.perspective_transform(X, CORNERS, CORNERS, "bicubic"), "interpolation must be one of 'nearest'"),
    (lambda: image.elastic_transform(X, sigma=0.0), "argument sigma must be positive; got 0.0"),
    (lambda: image.map_coordinates(X, X, 3), "argument order must be one of 0, 1; got 3"),
    (lambda: image.map_coordinates(X[0], X, 1), r"coordinates must have shape \(3, ...\).*got shape \(2, 6, 5, 3\)"),
    (lambda: image.scale_and_translate(X, (1, 2), [1.0], [0.0], (1,), "linear"), "output_shape must have 4 sizes"),
    (lambda: image.scale_and_translate(X, X.shape, [1.0, 2.0], [0.0], (1,), "linear"), r"scale must have shape \(1,\)"),
    (lambda: image.scale_and_translate(X, X.shape, [1.0], [0.0], (1,), "nearest"), "method must be one of"),
    (lambda: ops.space_to_depth(X, 1), r"ops\.space_to_depth\(.*argument block_size must be an int of at least 2"),
    (lambda: ops.space_to_depth(X, 4), r"axis 1 of x, of shape \(2, 6, 5, 3\), must be a multiple of 4"),
    (lambda: ops.depth_to_space(X, 2), "axis 3 of x, .* must be a multiple of 4"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=range(len(WRONG)))
def test_errors_say_what_is_accepted(backend, wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def test_missing_arguments_are_named():
    with pytest.raises(TypeError, match=r"ops\.image\.resize\(images, size, .*missing .*'size'"):
        image.resize(X)
