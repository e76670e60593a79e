"""Pooling."""

CASES = [
    ("max_pool1d", "layers.MaxPooling1D(2)", ["2,7,3"], {}),
    ("max_pool2d", "layers.MaxPooling2D()", ["2,6,6,3"], {}),
    ("max_pool2d_same", "layers.MaxPooling2D(3, strides=2, padding='same')", ["2,6,5,3"], {}),
    ("avg_pool1d", "layers.AveragePooling1D(3, strides=1, padding='same')", ["2,7,3"], {}),
    ("avg_pool2d", "layers.AveragePooling2D((2, 3))", ["2,6,6,3"], {}),
    ("avg_pool2d_same", "layers.AveragePooling2D(3, strides=2, padding='same')", ["2,5,6,3"], {}),
    ("global_avg1d", "layers.GlobalAveragePooling1D(keepdims=True)", ["2,7,3"], {}),
    ("global_avg2d", "layers.GlobalAveragePooling2D()", ["2,6,5,3"], {}),
    ("global_avg2d_first", "layers.GlobalAveragePooling2D(data_format='channels_first')", ["2,3,6,5"], {}),
    ("global_max1d", "layers.GlobalMaxPooling1D()", ["2,7,3"], {}),
    ("global_max2d", "layers.GlobalMaxPooling2D()", ["2,6,5,3"], {}),
]  # fmt: skip

MORE = []
