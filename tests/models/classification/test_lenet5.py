import keras
import numpy as np
import pytest

from keras_cnn_zoo.models import LeNet5
from keras_cnn_zoo.models.classification.lenet5 import C3_CONNECTIONS

CASES = [
    dict(
        cls=LeNet5,
        build=lambda: LeNet5(
            4,
            input_shape=(20, 24, 3),
            variant="caffe",
            width=0.2,
            pooling="average",
            activation="tanh",
            convolution_activation="relu",
            dropout=0.1,
            class_names=("a", "b", "c", "d"),
            name="reader",
        ),
        input_shape=(4, 20, 24, 3),
    ),
    dict(cls=LeNet5, build=lambda: LeNet5(3, variant="lecun"), input_shape=(2, 32, 32, 1)),
]


def test_parameter_count_equals_caffes():
    assert LeNet5(10).count_params() == 431_080


def test_parameter_count_equals_the_papers():
    # LeCun et al. 1998, section II.B: 60,000 trainable parameters up to F6. The output layer differs.
    model = LeNet5(10, variant="lecun")
    output = model.get_layer("logits").count_params()
    assert model.count_params() - output == 60_000
    counts = {name: model.get_layer(name).count_params() for name in ("c1", "s2", "s4", "c5", "f6")}
    assert counts == {"c1": 156, "s2": 12, "s4": 32, "c5": 48_120, "f6": 10_164}
    assert sum(model.get_layer(f"c3_{i}").count_params() for i in range(16)) == 1_516


def test_connection_table_has_the_papers_row_sums():
    assert sorted(map(len, C3_CONNECTIONS)) == [3] * 6 + [4] * 9 + [6]
    # Every S2 map feeds ten C3 maps.
    assert [sum(i in row for row in C3_CONNECTIONS) for i in range(6)] == [10] * 6


def test_caffe_forward_equals_numpy():
    model = LeNet5(3, input_shape=(16, 16, 1), width=0.1)
    x = np.random.default_rng(0).normal(size=(1, 16, 16, 1)).astype("float32")

    def convolve(a, kernel, bias):
        height, width = a.shape[0] - 4, a.shape[1] - 4
        out = np.zeros((height, width, kernel.shape[-1]))
        for i in range(height):
            for j in range(width):
                window = a[i : i + 5, j : j + 5]
                for f in range(kernel.shape[-1]):
                    out[i, j, f] = np.sum(window * kernel[..., f]) + bias[f]
        return out

    def pool(a):
        height, width = a.shape[0] // 2, a.shape[1] // 2
        return np.array(
            [
                [a[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max(axis=(0, 1)) for j in range(width)]
                for i in range(height)
            ]
        )

    def weight(layer, kind):
        return getattr(model.get_layer(layer), kind).numpy().astype("float64")

    a = pool(
        convolve(x[0].astype("float64"), weight("convolution_1", "kernel"), weight("convolution_1", "bias"))
    )
    a = pool(convolve(a, weight("convolution_2", "kernel"), weight("convolution_2", "bias")))
    hidden = np.maximum(a.ravel() @ weight("hidden", "kernel") + weight("hidden", "bias"), 0)
    expected = hidden @ weight("logits", "kernel") + weight("logits", "bias")
    np.testing.assert_allclose(np.asarray(model(x))[0], expected, rtol=1e-4, atol=1e-5)


def test_prototypes_are_cloned():
    part = keras.layers.LeakyReLU(0.3)
    model = LeNet5(2, convolution_activation=part, pooling=keras.layers.AveragePooling2D(2))
    assert isinstance(model.get_layer("pooling_1"), keras.layers.AveragePooling2D)
    first, second = (model.get_layer(f"convolution_{i}_activation") for i in (1, 2))
    assert first is not second and first is not part
    assert first.negative_slope == second.negative_slope == 0.3


def test_decode_names_the_class():
    model = LeNet5(2, class_names=("cat", "dog"))
    answer = model.decode(np.array([[0.0, np.log(3.0)]]))[0]
    assert answer["class_name"] == "dog" and answer["class_id"] == 1
    assert answer["probability"] == pytest.approx(0.75)
    assert [entry["class_name"] for entry in answer["top"]] == ["dog", "cat"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_classes": 0}, "`num_classes` must be a positive integer"),
        ({"variant": "caffee"}, "`variant` must be one of 'caffe', 'lecun'"),
        ({"width": 0}, "`width` must be a finite number above 0"),
        ({"input_shape": (8, 8, 1)}, "`input_shape` must be at least 16 pixels"),
        ({"input_shape": (28, 28)}, "`input_shape` must be a positive integer or 3"),
        ({"pooling": "maximum"}, "`pooling` must be a keras.Layer"),
        ({"activation": "reluu"}, "`activation` must be"),
        ({"dropout": 1.0}, "`dropout` must be a finite number"),
        ({"class_names": ("a", "a")}, "`class_names` must be None or 10 distinct"),
        ({"variant": "lecun", "width": 2.0}, 'With `variant="lecun"`, `width` must be 1.0'),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        LeNet5(**arguments)
