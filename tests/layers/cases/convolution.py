"""Convolutions.

Channels first, the last dimension must not be as long as there are filters: there Keras on TensorFlow adds the bias to
the wrong dimension.
"""

CASES = [
    ("conv1d", "layers.Conv1D(3, 2)", ["2,6,4"], {}),
    ("conv1d_causal", "layers.Conv1D(3, 3, padding='causal', dilation_rate=2)", ["2,7,4"], {}),
    ("conv1d_causal_first", "layers.Conv1D(3, 3, strides=2, padding='causal', data_format='channels_first')", ["2,4,7"], {}),
    ("conv1d_same_strided", "layers.Conv1D(4, 3, strides=2, padding='same', groups=2)", ["2,7,4"], {}),
    ("conv1d_f16", "layers.Conv1D(3, 2, activation='tanh', dtype='mixed_float16')", ["2,6,4"], {}),
    ("conv2d", "layers.Conv2D(3, 3)", ["2,6,5,2"], {}),
    ("conv2d_same", "layers.Conv2D(3, (3, 2), strides=(2, 1), padding='same', activation='relu')", ["2,6,5,2"], {}),
    ("conv2d_dilated", "layers.Conv2D(4, 2, dilation_rate=2, use_bias=False, groups=2)", ["2,6,5,2"], {}),
    ("conv2d_first", "layers.Conv2D(2, (2, 3), strides=2, data_format='channels_first', bias_initializer='ones')", ["2,3,5,8"], {}),
    ("conv2d_f16", "layers.Conv2D(3, 3, dtype='mixed_float16')", ["2,6,5,2"], {}),
    ("conv3d", "layers.Conv3D(2, 2)", ["2,3,3,2,2"], {}),
    ("conv3d_same", "layers.Conv3D(2, (1, 2, 3), strides=(1, 2, 1), padding='same', activation='sigmoid')", ["1,2,3,4,2"], {}),
    ("conv3d_first", "layers.Conv3D(2, 2, data_format='channels_first', kernel_regularizer='l2')", ["1,3,2,3,4"], {}),
    ("conv3d_bf16", "layers.Conv3D(2, 2, use_bias=False, dtype='mixed_bfloat16')", ["1,3,3,2,2"], {}),

    ("conv1d_transpose", "layers.Conv1DTranspose(3, 2)", ["2,4,2"], {}),
    ("conv1d_transpose_strided", "layers.Conv1DTranspose(3, 2, strides=3, activation='relu')", ["2,4,2"], {}),
    ("conv1d_transpose_extra", "layers.Conv1DTranspose(2, 3, strides=3, padding='same', output_padding=1, data_format='channels_first')", ["2,2,4"], {}),
    ("conv1d_transpose_f16", "layers.Conv1DTranspose(2, 3, strides=2, padding='same', dtype='mixed_float16')", ["2,4,2"], {}),
    ("conv2d_transpose", "layers.Conv2DTranspose(3, 3)", ["2,3,4,2"], {}),
    ("conv2d_transpose_same", "layers.Conv2DTranspose(3, (3, 2), strides=(2, 3), padding='same', use_bias=False)", ["1,3,4,2"], {}),
    ("conv2d_transpose_extra", "layers.Conv2DTranspose(2, 3, strides=2, output_padding=(1, 0))", ["1,3,4,2"], {}),
    ("conv2d_transpose_dilated", "layers.Conv2DTranspose(2, 2, dilation_rate=(2, 3))", ["1,3,4,2"], {}),
    ("conv2d_transpose_first", "layers.Conv2DTranspose(2, 3, strides=2, padding='same', data_format='channels_first')", ["1,2,3,4"], {}),
    ("conv2d_transpose_f16", "layers.Conv2DTranspose(2, 2, strides=2, activation='tanh', dtype='mixed_float16')", ["1,3,4,2"], {}),
    ("conv3d_transpose", "layers.Conv3DTranspose(2, 2)", ["1,2,3,2,2"], {}),
    ("conv3d_transpose_same", "layers.Conv3DTranspose(2, (2, 3, 1), strides=2, padding='same', bias_initializer='ones')", ["1,2,3,2,2"], {}),
    ("conv3d_transpose_extra", "layers.Conv3DTranspose(2, 2, strides=(2, 1, 3), output_padding=(1, 0, 2))", ["1,2,2,2,2"], {}),
    ("conv3d_transpose_first", "layers.Conv3DTranspose(2, 2, strides=2, data_format='channels_first')", ["1,2,1,3,2"], {}),

    ("depthwise1d", "layers.DepthwiseConv1D(2)", ["2,5,3"], {}),
    ("depthwise1d_same", "layers.DepthwiseConv1D(3, strides=2, padding='same', depth_multiplier=2)", ["2,5,3"], {}),
    ("depthwise1d_first", "layers.DepthwiseConv1D(2, depth_multiplier=2, data_format='channels_first', dilation_rate=2)", ["2,3,5"], {}),
    ("depthwise1d_f16", "layers.DepthwiseConv1D(2, activation='relu', use_bias=False, dtype='mixed_float16')", ["2,5,3"], {}),
    ("depthwise2d", "layers.DepthwiseConv2D(2)", ["2,4,5,3"], {}),
    ("depthwise2d_same", "layers.DepthwiseConv2D((3, 2), strides=2, padding='same', depth_multiplier=2)", ["1,5,4,3"], {}),
    ("depthwise2d_first", "layers.DepthwiseConv2D(2, data_format='channels_first', dilation_rate=2)", ["1,3,4,6"], {}),
    ("depthwise2d_f16", "layers.DepthwiseConv2D(2, activation='relu', depthwise_regularizer='l2', dtype='mixed_float16')", ["1,4,4,2"], {}),
    ("separable1d", "layers.SeparableConv1D(3, 2)", ["2,5,2"], {}),
    ("separable1d_same", "layers.SeparableConv1D(3, 3, strides=2, padding='same', depth_multiplier=2)", ["2,5,2"], {}),
    ("separable1d_first", "layers.SeparableConv1D(3, 2, data_format='channels_first', dilation_rate=2, activation='tanh')", ["2,2,6"], {}),
    ("separable1d_f16", "layers.SeparableConv1D(3, 2, use_bias=False, dtype='mixed_float16')", ["2,5,2"], {}),
    ("separable2d", "layers.SeparableConv2D(3, 2)", ["2,4,5,2"], {}),
    ("separable2d_same", "layers.SeparableConv2D(3, (3, 2), strides=2, padding='same', depth_multiplier=2)", ["1,5,4,2"], {}),
    ("separable2d_first", "layers.SeparableConv2D(3, 2, data_format='channels_first', pointwise_regularizer='l2')", ["1,2,4,5"], {}),
    ("separable2d_f16", "layers.SeparableConv2D(2, 2, activation='relu', dtype='mixed_float16')", ["1,4,4,2"], {}),
]  # fmt: skip

# Keras has TensorFlow compute something else where there are both strides and dilation.
MORE = [
    ("depthwise1d_strided_dilated", "layers.DepthwiseConv1D(2, strides=2, dilation_rate=2)", ["2,7,3"], {}),
    ("separable2d_strided_dilated", "layers.SeparableConv2D(3, 2, strides=(2, 1), dilation_rate=2, padding='same')", ["1,6,5,2"], {}),
]  # fmt: skip
