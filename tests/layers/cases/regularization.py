"""Dropouts, noises, activity regularization."""

ON = {"training": True}

CASES = [
    ("dropout_off", "layers.Dropout(0.5)", ["2,4"], {}),
    ("dropout_zero", "layers.Dropout(0.0)", ["2,4"], ON),
    ("dropout_one", "layers.Dropout(1.0)", ["2,4"], ON),
    ("dropout_settings", "layers.Dropout(0.3, noise_shape=(None, 1, 3), seed=7)", ["2,4,3"], {"training": False}),
    ("dropout_f16", "layers.Dropout(0.0, dtype='float16')", ["2,4"], ON),
    ("alpha_dropout_off", "layers.AlphaDropout(0.5)", ["2,4"], {}),
    ("alpha_dropout_zero", "layers.AlphaDropout(0.0)", ["2,4"], ON),
    ("alpha_dropout_settings", "layers.AlphaDropout(0.3, noise_shape=(2, 1, 3), seed=7)", ["2,4,3"], {}),
    ("alpha_dropout_f16", "layers.AlphaDropout(0, dtype='mixed_float16')", ["2,4"], ON),
    ("gaussian_dropout_off", "layers.GaussianDropout(0.5)", ["2,4"], {}),
    ("gaussian_dropout_zero", "layers.GaussianDropout(0.0)", ["2,4"], ON),
    ("gaussian_dropout_seed", "layers.GaussianDropout(0.3, seed=7)", ["2,4,3"], {}),
    ("gaussian_dropout_f16", "layers.GaussianDropout(0, dtype='bfloat16')", ["2,4"], ON),
    ("noise", "layers.GaussianNoise(0.5)", ["2,3"], {}),
    ("noise_zero", "layers.GaussianNoise(0.0)", ["2,3"], ON),
    ("noise_seed", "layers.GaussianNoise(1.0, seed=7)", ["2,3"], {}),
    ("noise_f16", "layers.GaussianNoise(0, dtype='float16')", ["2,3"], ON),
    ("spatial_dropout", "layers.SpatialDropout1D(0.5)", ["2,3,4"], {}),
    ("spatial_dropout_zero", "layers.SpatialDropout1D(0.0, seed=7)", ["2,3,4"], ON),
    ("spatial_dropout_one", "layers.SpatialDropout1D(1.0)", ["2,3,4"], ON),
    ("spatial_dropout_f16", "layers.SpatialDropout1D(0.5, dtype='float16')", ["2,3,4"], {}),
    ("spatial_dropout2d", "layers.SpatialDropout2D(0.5)", ["2,3,3,4"], {}),
    ("spatial_dropout2d_zero", "layers.SpatialDropout2D(0.0, seed=7)", ["2,3,3,4"], ON),
    ("spatial_dropout2d_first", "layers.SpatialDropout2D(0.5, data_format='channels_first')", ["2,3,3,4"], {}),
    ("spatial_dropout2d_f16", "layers.SpatialDropout2D(1.0, dtype='float16')", ["2,3,3,4"], ON),
    ("spatial_dropout3d", "layers.SpatialDropout3D(0.5)", ["2,2,3,2,3"], {}),
    ("spatial_dropout3d_zero", "layers.SpatialDropout3D(0.0, seed=7)", ["2,2,3,2,3"], ON),
    ("spatial_dropout3d_first", "layers.SpatialDropout3D(0.5, data_format='channels_first')", ["2,2,3,2,3"], {}),
    ("spatial_dropout3d_f16", "layers.SpatialDropout3D(1.0, dtype='float16')", ["2,2,3,2,3"], ON),
    ("activity", "layers.ActivityRegularization(l1=0.1, l2=0.2)", ["2,3"], {}),
    ("activity_default", "layers.ActivityRegularization()", ["2,3"], {}),
    ("activity_3d", "layers.ActivityRegularization(l2=0.2)", ["2,3,4"], {}),
    ("activity_f16", "layers.ActivityRegularization(0.1, dtype='float16')", ["2,3"], {}),
]  # fmt: skip

MORE = [
    ("dropout_on", "layers.Dropout(0.5, noise_shape=(None, 1, None), seed=7)", ["2,4,3"], ON),
    ("alpha_dropout_on", "layers.AlphaDropout(0.5, noise_shape=(None, 1, None), seed=7)", ["2,4,3"], ON),
    ("gaussian_dropout_on", "layers.GaussianDropout(0.5, seed=7)", ["2,4,3"], ON),
    ("noise_on", "layers.GaussianNoise(0.5, seed=7)", ["2,4,3"], ON),
    ("spatial_dropout_on", "layers.SpatialDropout1D(0.5, seed=7)", ["2,4,3"], ON),
    ("spatial_dropout2d_on", "layers.SpatialDropout2D(0.5, seed=7)", ["2,3,3,4"], ON),
    ("spatial_dropout3d_on", "layers.SpatialDropout3D(0.5, seed=7)", ["2,2,3,2,3"], ON),
]  # fmt: skip

_FORGETS = "Keras keeps the dtype's name instead of its policy"
DIFFERENT = {name: {"config": {"dtype": _FORGETS}} for name, *_ in CASES if name.startswith("spatial")}
