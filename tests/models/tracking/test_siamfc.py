import keras
import numpy as np
import pytest

from keras_cnn_zoo.models import SiamFC

CASES = [
    dict(
        cls=SiamFC,
        build=lambda: SiamFC(
            input_shape=(71, 71, 1),
            exemplar_size=47,
            variant="small",
            width=0.1,
            normalization="batch",
            activation="elu",
            name="follower",
        ),
        input_shape={"exemplar": (3, 47, 47, 1), "search": (3, 71, 71, 1)},
    ),
    dict(
        cls=SiamFC,
        build=lambda: SiamFC(
            input_shape=(103, 103, 3), exemplar_size=87, variant="original", width=0.05, normalization=None
        ),
        input_shape={"exemplar": (2, 87, 87, 3), "search": (2, 103, 103, 3)},
    ),
]


@pytest.fixture(scope="module")
def small():
    return SiamFC(variant="small", width=0.1)


def pictures(*shape):
    return np.random.default_rng(0).integers(0, 256, size=shape).astype("uint8")


def test_geometry_and_parameters_equal_the_papers():
    model = SiamFC()
    embedding = model.get_layer("embedding")
    assert embedding.compute_output_shape((None, 127, 127, 3)) == (None, 6, 6, 256)
    assert embedding.compute_output_shape((None, 255, 255, 3)) == (None, 22, 22, 256)
    assert model.output_shape == (None, 17, 17, 1) and model.stride == 8
    # Table 1 of the paper, with kernels of half the channels where AlexNet has two groups.
    kernels = 121 * 3 * 96 + 25 * 48 * 256 + 9 * 256 * 384 + 9 * 192 * 384 + 9 * 192 * 256
    normalizations = 4 * (96 + 256 + 384 + 384)
    assert model.count_params() == kernels + normalizations + 256 + 2


def test_the_small_variant_has_the_same_positions_at_half_the_resolution(small):
    assert small.output_shape == (None, 17, 17, 1) and small.stride == 4
    assert small.exemplar_size == 63 and small.search_shape == (127, 127, 3)


def test_embed_and_respond_equal_the_whole_network(small):
    inputs = small.preprocess({"exemplar": pictures(2, 63, 63, 3), "search": pictures(2, 127, 127, 3)})
    features = small.embed(inputs["exemplar"])
    np.testing.assert_allclose(
        small.respond(features, inputs["search"]),
        keras.ops.convert_to_numpy(small(inputs)),
        rtol=1e-4,
        atol=1e-5,
    )
    one = small.respond(features[:1], inputs["search"])
    np.testing.assert_allclose(one[:1], small.respond(features, inputs["search"])[:1], rtol=1e-4, atol=1e-5)


def test_moving_an_object_by_the_stride_moves_the_response_by_one(small):
    search = pictures(1, 200, 200, 3)
    features = small.embed(small.preprocess({"exemplar": search[:, 60:123, 60:123]})["exemplar"])
    crops = np.concatenate([search[:, 20:147, 20:147], search[:, 24:151, 28:155]])
    first, second = small.respond(features, small.preprocess({"search": crops})["search"])[..., 0]
    np.testing.assert_allclose(first[1:, 2:], second[:-1, :-2], rtol=1e-4, atol=1e-4)


def test_decode_returns_the_peak_relative_to_the_center(small):
    logits = np.full((2, 17, 17, 1), -3.0, "float32")
    logits[0, 8, 8], logits[1, 6, 11] = 0.0, 2.0
    middle, other = small.decode(logits)
    assert middle == {"down": 0.0, "right": 0.0, "probability": 0.5}
    assert other["down"] == -8.0 and other["right"] == 12.0
    assert other["probability"] == pytest.approx(1 / (1 + np.exp(-2)))


def test_preprocess_takes_crops_of_any_size(small):
    inputs = small.preprocess(
        {"exemplar": pictures(63, 63, 3), "search": [pictures(50, 80), pictures(9, 9, 3)]}
    )
    assert inputs["exemplar"].shape == (1, 63, 63, 3) and inputs["search"].shape == (2, 127, 127, 3)
    np.testing.assert_allclose(inputs["exemplar"][0], (pictures(63, 63, 3) - 127.5) / 127.5, atol=1e-6)
    for bad in (pictures(63, 63, 3), {}, {"template": pictures(63, 63, 3)}):
        with pytest.raises(ValueError, match="`images` must be a dict of `exemplar`, `search`, or both"):
            small.preprocess(bad)


def test_only_the_last_convolution_has_a_bias_with_normalization():
    embedding = SiamFC(variant="small", width=0.1).get_layer("embedding")
    assert not embedding.get_layer("convolution_1").use_bias
    assert embedding.get_layer("convolution_5").use_bias
    plain = SiamFC(variant="small", width=0.1, normalization=None).get_layer("embedding")
    assert plain.get_layer("convolution_1").use_bias


def test_a_preset_restores_the_outputs(small, tmp_path):
    small.save_to_preset(tmp_path / "tracker")
    loaded = SiamFC.from_preset(tmp_path / "tracker")
    inputs = small.preprocess({"exemplar": pictures(1, 63, 63, 3), "search": pictures(1, 127, 127, 3)})
    # Kernels are stored in half precision.
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(loaded(inputs)), keras.ops.convert_to_numpy(small(inputs)), atol=0.02
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"variant": "huge"}, "`variant` must be one of 'original', 'small'"),
        ({"width": 0}, "`width` must be a finite number above 0"),
        (
            {"exemplar_size": 128},
            r"`exemplar_size` must be a size that the strides divide \(87, 95, 103, ...\)",
        ),
        ({"exemplar_size": 1.5}, "`exemplar_size` must be a positive integer"),
        ({"input_shape": (255, 239, 3)}, r"`input_shape` must be square, .* \(127, 143, 159, ...\)"),
        ({"input_shape": (247, 247, 3)}, "with an edge that fits exemplar_size=127"),
        ({"input_shape": (111, 111, 3)}, "with an edge that fits exemplar_size=127"),
        ({"input_shape": (255, 3)}, r"`input_shape` must be \(height, width, channels\)"),
        ({"normalization": "layer"}, "`normalization` must be a keras.Layer"),
        ({"activation": 3}, "`activation` must be a keras.Layer"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        SiamFC(**arguments)
