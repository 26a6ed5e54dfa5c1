"""receptive_field against published values and the inputs that a gradient reaches."""

import fractions

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies as st
from keras import layers

from keras_cnn_zoo import layers as zoo
from keras_cnn_zoo.layers import DeformableConv2D, DropConnect, InstanceNormalization, ResidualBlock2D
from keras_cnn_zoo.models import ResNet, receptive_field
from keras_cnn_zoo.utils.autodiff import value_and_gradients

CASES = []


def sequential(*parts, shape=(None, None, 1)):
    return keras.Sequential([keras.Input(shape), *parts])


def last(model, **arguments):
    return list(receptive_field(model, **arguments).values())[-1]


def test_vgg16():
    fields = receptive_field(keras.applications.VGG16(weights=None, include_top=False))
    # Distill's receptive field calculator; 212 also in the Fast R-CNN literature.
    assert fields["block5_pool"][:2] == ((212, 212), (32, 32))
    assert fields["block5_conv3"].size == (196, 196)
    assert fields["block1_conv1"] == ((3, 3), (1, 1), (-1, -1))


def test_resnet50():
    # Araujo, Norris, Sim, 2019, "Computing Receptive Fields of Convolutional Neural Networks" (Distill).
    fields = receptive_field(keras.applications.ResNet50(weights=None, include_top=False))
    assert fields["conv5_block3_out"][:2] == ((483, 483), (32, 32))
    assert fields["conv1_conv"] == ((7, 7), (2, 2), (-3, -3))


def test_alexnet():
    # From the same article.
    model = sequential(
        layers.Conv2D(4, 11, strides=4),
        layers.MaxPooling2D(3, 2),
        layers.Conv2D(4, 5, padding="same"),
        layers.MaxPooling2D(3, 2),
        *[layers.Conv2D(4, 3, padding="same", activation="relu") for _ in range(3)],
        layers.MaxPooling2D(3, 2, name="pool5"),
    )
    assert receptive_field(model)["pool5"] == ((195, 195), (32, 32), (-64, -64))


@pytest.mark.parametrize(
    "layer, size, stride, offset",
    [
        (zoo.InceptionV1Block((2, 2, 4, 2, 2, 2)), 5, 1, -2),
        (zoo.InceptionV3B(width=0.02), 5, 2, -1),
        (zoo.ContextModule2D(2), 67, 1, -33),
        (zoo.MixedPooling2D(3), 3, 3, 0),
        (zoo.MLPConv2D((2, 2), 3), 3, 1, 0),
        (zoo.DropBlock2D(3, 0.1), 1, 1, 0),
    ],
)
def test_layers_of_the_zoo(layer, size, stride, offset):
    inputs = keras.Input((40, 40, 2))
    fields = receptive_field(keras.Model(inputs, layer(inputs)))
    assert fields[layer.name] == ((size, size), (stride, stride), (offset, offset))


@pytest.mark.slow
def test_locally_connected_layers_have_the_field_of_a_convolution():
    layer = zoo.LocallyConnected2D(4, 3, strides=2)
    assert last(sequential(layer, shape=(9, 9, 3))) == ((3, 3), (2, 2), (0, 0))


def test_mobilenet_v2_and_inception_v3():
    # From the same article; branches of Inception have fields of different sizes, and the largest counts.
    mobile = keras.applications.MobileNetV2(weights=None, include_top=False, alpha=0.35)
    assert receptive_field(mobile)["out_relu"].size == (491, 491)
    inception = keras.applications.InceptionV3(weights=None, include_top=False)
    assert receptive_field(inception)["mixed10"].size == (1311, 1311)


def test_the_dilated_stack_of_yu_and_koltun():
    model = sequential(*[layers.Conv2D(1, 3, dilation_rate=2**i, name=f"layer{i}") for i in range(7)])
    for i in range(7):
        assert receptive_field(model)[f"layer{i}"].size == (2 ** (i + 2) - 1,) * 2


def test_wavenets_causal_stack():
    model = sequential(
        *[layers.Conv1D(1, 2, padding="causal", dilation_rate=2**i) for i in range(10)], shape=(None, 1)
    )
    assert last(model) == ((1024,), (1,), (-1023,))


def test_three_axes_and_channels_first():
    model = sequential(
        layers.Conv3D(2, (1, 2, 3), data_format="channels_first"),
        layers.MaxPooling3D((2, 1, 2), data_format="channels_first"),
        layers.LayerNormalization(axis=1),
        shape=(1, 8, 8, 9),
    )
    assert last(model) == ((2, 2, 4), (2, 1, 2), (0, 0, 0))


PARTS = {
    "convolution": lambda k, s, padding: layers.Conv1D(1, k, s, padding),
    "dilated": lambda k, s, padding: layers.Conv1D(1, k, 1, padding, dilation_rate=s),
    "average": lambda k, s, padding: layers.AveragePooling1D(k, s, padding),
    "separable": lambda k, s, padding: layers.SeparableConv1D(1, k, s, padding),
    "causal": lambda k, s, padding: layers.Conv1D(1, k, s, "causal"),
    "transposed": lambda k, s, padding: layers.Conv1DTranspose(1, max(k, s), s, padding),
    "upsampling": lambda k, s, padding: layers.UpSampling1D(s),
    "padding": lambda k, s, padding: layers.ZeroPadding1D((k - 1, s)),
    "cropping": lambda k, s, padding: layers.Cropping1D((k - 1, s)),
    "pointwise": lambda k, s, padding: layers.ReLU(),
}
part = st.tuples(
    st.sampled_from(sorted(PARTS)), st.integers(1, 4), st.integers(1, 3), st.sampled_from(["valid", "same"])
)


def reached(model, length, position):
    """Returns the first and last input with a gradient, or None, in a network whose paths all add up."""
    model.set_weights([np.zeros(w.shape) if "bias" in w.path else np.ones(w.shape) for w in model.weights])
    inputs = np.ones((1, length, 1), "float32")
    _, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(model(x)[0, position]), [inputs])
    where = np.flatnonzero(keras.ops.convert_to_numpy(gradient)[0, :, 0])
    return (int(where[0]), int(where[-1])) if len(where) else None


def widths(model, length):
    """Returns the inputs of middle output positions whose field the ends of the map do not cut."""
    middle = model.output_shape[1] // 2
    found = [reached(model, length, position) for position in range(middle - 6, middle + 6)]
    return [view[1] - view[0] + 1 for view in found if view and view[0] > 0 and view[1] < length - 1]


def require_truth(model, length, blanked=False):
    """Checks the declared fields of the first, a middle, and the last output position, inside the map.

    `blanked`: positions on the map may have been cropped and padded with zeros again.
    """
    (size,), (stride,), (offset,) = last(model)
    count = model.output_shape[1]
    for position in {0, count // 2, count - 1}:
        first = offset + position * stride
        found = reached(model, length, position)
        if not blanked and first >= 0 and first + size <= length:
            assert found == (first, first + size - 1)
        elif found:
            assert first <= found[0] and found[1] <= first + size - 1


@hypothesis.given(st.lists(part, min_size=1, max_size=4), st.integers(30, 45))
def test_the_field_contains_the_inputs_with_a_gradient(drawn, length):
    parts = [PARTS[kind](*arguments) for kind, *arguments in drawn]
    try:
        model = sequential(*parts, shape=(length, 1))
    except ValueError:
        hypothesis.reject()  # smaller than a window
    hypothesis.assume(0 < model.output_shape[1] < 100)
    kinds = {kind for kind, *_ in drawn}
    if kinds & {"transposed", "upsampling"}:
        found = reached(model, length, model.output_shape[1] // 2)
        assert found is None or found[1] - found[0] < last(model).size[0]
    else:
        require_truth(model, length, blanked="cropping" in kinds)


@pytest.mark.parametrize(
    "parts",
    [
        [("transposed", 4, 2, "same"), ("convolution", 3, 1, "same")],
        [("convolution", 3, 2, "same"), ("transposed", 3, 2, "same"), ("convolution", 3, 1, "same")],
        [("average", 2, 2, "valid"), ("upsampling", 1, 2, "valid"), ("dilated", 3, 2, "same")],
        [("transposed", 2, 3, "valid"), ("convolution", 4, 1, "valid")],
        [("upsampling", 1, 3, "valid"), ("average", 2, 2, "valid"), ("transposed", 3, 2, "valid")],
    ],
)
def test_the_size_after_upsampling_is_the_largest(parts):
    model = sequential(*[PARTS[kind](*arguments) for kind, *arguments in parts], shape=(30, 1))
    assert (max(widths(model, 30)),) == last(model).size


@pytest.mark.parametrize("length", [29, 30, 31, 32])
def test_the_offset_of_strided_same_padding_depends_on_the_size(length):
    parts = [
        layers.Conv1D(1, 3, 2, "same"),
        layers.Conv1D(1, 4, 3, "same"),
        layers.Conv1D(1, 3, padding="same"),
    ]
    model = sequential(*parts, shape=(length, 1))
    require_truth(model, length)
    assert last(sequential(*[layers.Conv1D.from_config(p.get_config()) for p in parts], shape=(None, 1))) == (
        last(model).size,
        last(model).stride,
        (None,),
    )


def test_bilinear_upsampling_depends_on_two_positions():
    model = sequential(layers.UpSampling2D((2, 3), interpolation="bilinear"))
    field = last(model)
    assert field.size == (2, 2)
    assert field.stride == (fractions.Fraction(1, 2), fractions.Fraction(1, 3))


def branches(join, *parts, length=40):
    inputs = keras.Input((length, 1))
    return keras.Model(inputs, join([part(inputs) for part in parts]))


@pytest.mark.parametrize("join", [layers.Add, layers.Concatenate])
def test_the_field_of_merged_branches_contains_all_of_theirs(join):
    wide = keras.Sequential([layers.ZeroPadding1D((4, 0)), layers.Conv1D(1, 5)])
    model = branches(join(), wide, layers.Conv1D(1, 7, padding="same"))
    assert last(model) == ((8,), (1,), (-4,))
    require_truth(model, 40)


def test_layers_of_a_nested_model_have_a_path():
    inner = keras.Sequential([layers.Conv2D(2, 3, name="a"), layers.MaxPooling2D(2, name="b")], name="inner")
    inputs = keras.Input((16, 16, 1))
    model = keras.Model(inputs, layers.Conv2D(1, 3, name="c")(inner(inputs)))
    fields = receptive_field(model)
    assert list(fields) == ["inner/a", "inner/b", "inner", "c"]
    assert fields["inner"] == fields["inner/b"] == ((4, 4), (2, 2), (0, 0))
    assert fields["c"].size == (8, 8)


def test_wrappers_operations_and_blocks_are_supported():
    inputs = keras.Input((32, 32, 4))
    x = DropConnect(layers.Conv2D(4, 3, padding="same"), 0.5)(inputs)
    x = keras.ops.relu(x) * 2.0 + x
    x = ResidualBlock2D(4, strides=2)(x)
    # 3, then a 3 x 3 with stride 2 and a 3 x 3 with stride 1 on its coarser grid.
    assert last(keras.Model(inputs, x)) == ((9, 9), (2, 2), (-4, -4))


def test_the_zoos_resnet50():
    # Stride on the 3 x 3 kernels: 427 in the same Distill article's calculator for torchvision's.
    model = ResNet(variant="50", width=0.0625, features_only=True)
    assert last(model)[:2] == ((427, 427), (32, 32))


def test_layers_that_mix_all_positions_depend_on_the_whole_input():
    inputs = keras.Input((12, 9, 2))
    x = layers.Conv2D(2, 3, padding="same")(inputs)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Conv2D(2, 3, name="after")(layers.Multiply()([x, layers.Dense(2)(gate)]))
    fields = receptive_field(keras.Model(inputs, layers.Dense(3, name="logits")(layers.Flatten()(x))))
    assert fields["after"] == fields["logits"] == ((12, 9), (0, 0), (0, 0))
    assert last(sequential(InstanceNormalization())) == ((None, None), (0, 0), (0, 0))


def test_known_gives_the_field_of_unsupported_layers():
    def model():
        return sequential(
            layers.Conv2D(2, 3), DeformableConv2D(2, 3, strides=2, name="deformable"), layers.Conv2D(1, 3)
        )

    with pytest.raises(ValueError, match=r"Received: a model with the DeformableConv2D 'deformable'"):
        receptive_field(model())
    assert last(model(), known={"deformable": (3, 2, 0)}) == ((9, 9), (2, 2), (0, 0))


class Rolled(layers.Layer):
    """An unsupported layer that declares its receptive field."""

    receptive_steps = "window"
    kernel_size, strides, padding = 3, 2, "valid"

    def call(self, inputs):
        return keras.ops.roll(inputs, 1, axis=1)[:, 1:-1:2]


class RolledFar(Rolled):
    """A subclass that declares it again."""

    receptive_steps = "everything"


class Silent(Rolled):
    """A subclass that overrides `call`, so the declaration of its base does not count."""

    def call(self, inputs):
        return keras.ops.flip(inputs, axis=1)


class Doubled(layers.Conv2D):
    """A convolution that overrides `call`."""

    def call(self, inputs):
        return super().call(keras.ops.flip(inputs, axis=1))


@pytest.mark.parametrize("part, field", [(Rolled(), ((5,), (2,), (0,))), (RolledFar(), ((11,), (0,), (0,)))])
def test_a_custom_layer_declares_its_field(part, field):
    inputs = keras.Input((11, 1))
    assert last(keras.Model(inputs, part(layers.Conv1D(1, 3)(inputs)))) == field


@pytest.mark.parametrize(
    "part, name",
    [
        (Doubled(1, 3, name="own"), "Doubled 'own'"),
        (Silent(name="silent"), "Silent 'silent'"),
        (layers.Conv2DTranspose(1, 1, strides=2, name="holes"), "Conv2DTranspose 'holes'"),
        (layers.UpSampling2D(2, interpolation="bicubic", name="cubic"), "UpSampling2D 'cubic'"),
        (layers.Permute((2, 1, 3), name="turned"), "Permute 'turned'"),
    ],
)
def test_refuses_unsupported_layers(part, name):
    with pytest.raises(
        ValueError, match=rf"`model` must consist of layers .* Received: a model with the {name}"
    ):
        inputs = keras.Input((16, 16, 1))
        receptive_field(keras.Model(inputs, part(layers.Conv2D(1, 3)(inputs))))


def test_refuses_branches_of_different_strides_and_layers_called_twice():
    strided = keras.Sequential([layers.AveragePooling1D(2), layers.ZeroPadding1D(10)])
    with pytest.raises(ValueError, match="must not merge branches of different strides"):
        receptive_field(branches(layers.Add(), strided, layers.Identity()))
    inputs, shared = keras.Input((16, 1)), layers.Conv1D(1, 3)
    with pytest.raises(ValueError, match="must call each layer once"):
        receptive_field(keras.Model(inputs, layers.Conv1D(1, 3)(shared(shared(inputs)))))


class Subclassed(keras.Model):
    """A model without a graph."""


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"model": "model"}, "`model` must be a keras.Model. Received: model='model'"),
        ({"model": Subclassed()}, "`model` must be a functional or built sequential keras.Model"),
        ({"model": keras.Sequential([layers.Conv2D(1, 3)])}, "`model` must be a functional or built"),
        ({"model": keras.Sequential([keras.Input((3,)), layers.Dense(2)])}, "input of rank 3 to 5"),
        ({"known": 3}, "`known` must be a dict. Received: known=3"),
        ({"known": {"a": 3}}, r"`known` must be a dict from layer names to \(size, stride, offset\)"),
        ({"known": {"a": (0, 1, 0)}}, "`known` must be a positive integer. Received: known=0"),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        receptive_field(**{"model": sequential(layers.Conv2D(1, 3)), **arguments})
