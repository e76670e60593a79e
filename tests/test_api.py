"""Names and signatures are Keras's: whole namespaces, and those names of others that are there so far."""

import pytest

from tools import check_api

API = check_api.read_api()
WHOLE = ("config", "backend")
PRESENT = {
    "(root)": "DTypePolicy Input InputSpec KerasTensor Layer Loss Metric Model Optimizer Sequential StatelessScope "
    "Variable name_scope version",
    "layers": "Layer InputLayer Dense Activation Dropout Flatten Reshape Embedding Conv1D Conv2D MaxPooling1D "
    "MaxPooling2D AveragePooling2D GlobalAveragePooling1D GlobalAveragePooling2D BatchNormalization "
    "LayerNormalization Add Concatenate Multiply Lambda Rescaling SimpleRNN LSTM GRU MultiHeadAttention",
    "models": "Model Sequential clone_model load_model save_model model_from_json",
    "optimizers": "Optimizer SGD Adam AdamW RMSprop get serialize deserialize",
    "losses": "Loss MeanSquaredError MeanAbsoluteError BinaryCrossentropy CategoricalCrossentropy "
    "SparseCategoricalCrossentropy Huber KLDivergence get serialize deserialize",
    "metrics": "Metric Mean Accuracy BinaryAccuracy CategoricalAccuracy SparseCategoricalAccuracy AUC Precision "
    "Recall MeanSquaredError MeanAbsoluteError get serialize deserialize",
    "callbacks": "Callback CallbackList History ProgbarLogger EarlyStopping ModelCheckpoint LambdaCallback CSVLogger "
    "TerminateOnNaN LearningRateScheduler ReduceLROnPlateau",
    "saving": "CustomObjectScope custom_object_scope get_custom_objects get_registered_name get_registered_object "
    "register_keras_serializable deserialize_keras_object serialize_keras_object load_model save_model load_weights "
    "save_weights",
}


def names():
    for name in API:
        space, last = check_api.namespace(name), name.rpartition(".")[2]
        direct = name.count(".") == (1 if space == "(root)" else 2)
        if space in WHOLE or (direct and last in PRESENT.get(space, "").split()):
            yield name


@pytest.mark.parametrize("name", list(names()))
def test_matches_keras(name):
    assert check_api.check(name, API[name]) is None


def test_the_comparison_finds_differences():
    def ours(a, c, b=2):
        pass

    assert check_api.difference("(a, b=2)", ours) is None
    assert check_api.difference("(c, a)", ours) == "parameter 'a' is out of order"
    assert check_api.difference("(a, d)", ours) == "no parameter 'd'"
    assert check_api.difference("(a, b=3)", ours) == "default of 'b': 2 instead of 3"
