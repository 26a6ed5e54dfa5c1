"""WaveNetBlock1D against the paper's equation 2 and figure 4 by loops; receptive fields of stacks."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import WaveNetBlock1D
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.layers.convolution.oracles import in_layout, noise, numpy_of, shared


def reference(inputs, weights, dilation_rate=1, skip_filters=None, data_format=None, **_):
    causal = {"padding": "causal", "dilation_rate": dilation_rate}

    def convolution(inputs, kernel, bias, **options):
        return shared(inputs, weights[kernel], weights.get(bias, 0.0), **options)

    def function(inputs):
        plain = convolution(inputs, "gated/kernel", "gated/bias", **causal)
        gate = convolution(inputs, "gated/gate_kernel", "gated/gate_bias", **causal)
        gated = np.tanh(plain) / (1 + np.exp(-gate))
        residual = convolution(gated, "residual/kernel", "residual/bias")
        skip = residual if skip_filters is None else convolution(gated, "skip/kernel", "skip/bias")
        return inputs + residual, skip

    return in_layout(function, inputs, data_format)


CASES = [
    dict(
        cls=WaveNetBlock1D,
        init_kwargs={
            "filters": 4,
            "kernel_size": 3,
            "dilation_rate": 2,
            "skip_filters": 6,
            "data_format": "channels_last",
            "use_bias": True,
            "kernel_initializer": "he_normal",
            "kernel_regularizer": "l2",
        },
        input_shape=(2, 9, 4),
        reference=reference,
    ),
    dict(
        cls=WaveNetBlock1D,
        init_kwargs={"filters": 3, "kernel_size": 2},
        input_shape=(1, 7, 3),
        reference=reference,
    ),
    dict(
        cls=WaveNetBlock1D,
        init_kwargs={
            "filters": 3,
            "kernel_size": 2,
            "dilation_rate": 9,
            "skip_filters": 2,
            "use_bias": False,
        },
        input_shape=(2, 7, 3),
        reference=reference,
    ),
]


def stack(rates, kernel_size, filters=4):
    """Returns the sum of the skip outputs of a stack, and the last residual output."""
    blocks = [
        WaveNetBlock1D(filters, kernel_size, dilation_rate=rate, kernel_initializer="he_normal")
        for rate in rates
    ]

    def run(x):
        total = 0
        for block in blocks:
            x, skip = block(x)
            total = total + skip
        return total, x

    return run


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("skip_filters", [None, 5])
def test_no_output_depends_on_a_later_step(skip_filters, data_format):
    block = WaveNetBlock1D(3, 3, dilation_rate=2, skip_filters=skip_filters, data_format=data_format)
    inputs = noise(1, 16, 3)
    changed = inputs.copy()
    changed[:, 9:] = 50.0

    def run(inputs):
        if data_format == "channels_last":
            return [numpy_of(output) for output in block(inputs)]
        return [np.moveaxis(numpy_of(output), 1, -1) for output in block(np.moveaxis(inputs, -1, 1))]

    for before, after in zip(run(inputs), run(changed), strict=True):
        np.testing.assert_array_equal(after[:, :9], before[:, :9])
        assert (after[:, 9] != before[:, 9]).all()


@pytest.mark.parametrize(
    ("rates", "kernel_size", "field"),
    [((1, 2, 4, 8, 16), 2, 32), ((1, 2, 4), 3, 15), ((1, 2, 4, 1, 2, 4), 2, 15)],
)
def test_the_receptive_field_of_a_stack_matches_the_paper(rates, kernel_size, field):
    """Doubling rates with two taps see 2^n steps (section 2.1: rates 1 to 512 see 1024)."""
    assert field == 1 + (kernel_size - 1) * sum(rates)
    inputs = noise(1, field + 6, 4)
    run = stack(rates, kernel_size)
    for index in (0, 1):
        _, (gradient,), _ = value_and_gradients(
            lambda x, index=index: keras.ops.sum(run(x)[index][:, -1]), [inputs]
        )
        seen = np.abs(numpy_of(gradient)).sum(axis=(0, 2)) > 0
        assert seen.tolist() == [False] * 6 + [True] * field


def test_without_skip_filters_the_outputs_share_the_convolution():
    inputs = noise(2, 8, 4)
    residual, skip = (numpy_of(output) for output in WaveNetBlock1D(4, 2)(inputs))
    np.testing.assert_allclose(residual - skip, inputs, atol=1e-6)


def test_saturated_and_closed_units_give_the_kernel_sum_or_zero():
    """tanh(100) = 1 with an open gate gives the pointwise kernel's sum, with a closed gate 0."""
    inputs = noise(1, 6, 3)
    block = WaveNetBlock1D(3, 2)
    block.build(inputs.shape)
    block.gated.bias.assign(np.full(3, 100.0))
    block.gated.gate_bias.assign(np.full(3, 100.0))
    expected = np.broadcast_to(numpy_of(block.residual.kernel)[0].sum(axis=0), inputs.shape)
    np.testing.assert_allclose(numpy_of(block(inputs)[1]), expected, rtol=1e-5)
    block.gated.gate_bias.assign(np.full(3, -100.0))
    np.testing.assert_allclose(numpy_of(block(inputs)[0]), inputs, atol=1e-6)


def test_parameter_counts_by_hand():
    block = WaveNetBlock1D(32, 2, skip_filters=256)
    block.build((None, None, 32))
    assert block.count_params() == 2 * (2 * 32 * 32 + 32) + (32 * 32 + 32) + (32 * 256 + 256)
    shared_block = WaveNetBlock1D(32, 2, use_bias=False)
    shared_block.build((None, None, 32))
    assert shared_block.count_params() == 2 * 2 * 32 * 32 + 32 * 32


def test_kernels_with_one_seed_differ():
    block = WaveNetBlock1D(4, 1, skip_filters=4, kernel_initializer=keras.initializers.HeNormal(seed=3))
    block.build((None, 8, 4))
    kernels = [numpy_of(weight).ravel() for weight in block.weights if "kernel" in weight.name]
    assert len(kernels) == 4
    assert np.abs(np.corrcoef(kernels) - np.eye(4)).max() < 0.9


def test_one_step_and_a_large_rate_are_accepted():
    residual, skip = WaveNetBlock1D(3, 2, dilation_rate=512, skip_filters=5)(noise(1, 1, 3))
    assert residual.shape == (1, 1, 3) and skip.shape == (1, 1, 5)


def test_all_zero_stays_zero_and_large_values_stay_finite():
    block = WaveNetBlock1D(3, 2, skip_filters=5)
    assert all(not numpy_of(output).any() for output in block(np.zeros((1, 6, 3), "float32")))
    assert all(np.isfinite(numpy_of(output)).all() for output in block(1e30 * noise(1, 6, 3)))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"filters": 0}, "`filters` must be a positive integer. Received: filters=0"),
        ({"kernel_size": 0}, "`kernel_size` must be a positive integer or 1 of them"),
        ({"dilation_rate": (1, 2)}, "`dilation_rate` must be a positive integer or 1 of them"),
        ({"skip_filters": 0}, "`skip_filters` must be a positive integer or None. Received: skip_filters=0"),
        ({"data_format": "x"}, "`data_format` must be one of"),
        ({"use_bias": 1}, "`use_bias` must be True or False. Received: use_bias=1"),
        ({"kernel_initializer": "nonsense"}, "nonsense"),
        ({"kernel_regularizer": "nonsense"}, "nonsense"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as caught:
        WaveNetBlock1D(**{"filters": 4, "kernel_size": 2, **arguments})
    assert message in str(caught.value)


def test_refuses_inputs_that_do_not_fit():
    with pytest.raises(ValueError, match=r"inputs of rank 3. Received: input_shape=\(1, 8, 8, 4\)"):
        WaveNetBlock1D(4, 2).build((1, 8, 8, 4))
    with pytest.raises(
        ValueError, match=r"`filters` must equal the channels .* filters=4, input_shape=\(1, 8, 3\)"
    ):
        WaveNetBlock1D(4, 2).build((1, 8, 3))
    with pytest.raises(ValueError, match="`filters` must equal the channels"):
        WaveNetBlock1D(4, 2, data_format="channels_first").build((1, 8, 4))
