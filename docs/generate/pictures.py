"""The pictures of the family pages, drawn with the components themselves."""

import matplotlib

matplotlib.use("Agg")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib import cbook, pyplot  # noqa: E402
from PIL import Image  # noqa: E402

from keras_cnn_zoo import initializers, layers, losses, regularizers  # noqa: E402

SEED = 7


def draw_all(folder):
    """Draws every picture into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        figure = draw()
        figure.savefig(folder / f"{name}.png", dpi=90)
        pyplot.close(figure)


def panels(rows, columns, width=2.0, height=2.1):
    """Returns a figure and the flat list of its axes."""
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(width * columns, height * rows), layout="constrained", squeeze=False
    )
    return figure, list(axes.flat)


def show(axes, image, title, **options):
    """Draws an image without ticks."""
    axes.imshow(image, **{"cmap": "gray", "interpolation": "nearest", **options})
    axes.set_title(title, fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])


def curve(axes, title, xlabel, ylabel):
    """Adds the labels and the legend to a plot."""
    axes.set_title(title, fontsize=9)
    axes.set_xlabel(xlabel, fontsize=8)
    axes.set_ylabel(ylabel, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7)


def photograph(size=144):
    """Returns part of a public-domain photograph from matplotlib, `(1, size, size, 1)`, 0 to 1."""
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        picture = Image.open(file).convert("L").crop((130, 20, 410, 300)).resize((size, size))
    return np.asarray(picture, "float32")[None, :, :, None] / 255


def pooling():
    """Draws a photograph after each pooling by 4."""
    image = photograph()
    size = 4
    drawn = {
        "input, 144 x 144": lambda x: x,
        "max": keras.layers.MaxPooling2D(size),
        "average": keras.layers.AveragePooling2D(size),
        "min = -max(-x)": lambda x: -keras.layers.MaxPooling2D(size)(-x),
        "Lp, p=2": layers.LpPooling2D(size, p=2.0, normalize=True),
        "Lp, p=8": layers.LpPooling2D(size, p=8.0, normalize=True),
        "mixed, drawn per region": lambda x: layers.MixedPooling2D(size, per="region", seed=SEED)(
            x, training=True
        ),
        "mixed, inference": layers.MixedPooling2D(size),
        "stochastic, a draw": lambda x: layers.StochasticPooling2D(size, seed=SEED)(x, training=True),
        "stochastic, inference": layers.StochasticPooling2D(size),
        "spectral to 36 x 36": layers.SpectralPooling2D(36),
        "spectral to 18 x 18": layers.SpectralPooling2D(18),
    }
    figure, axes = panels(3, 4)
    for place, (title, part) in zip(axes, drawn.items(), strict=True):
        output = keras.ops.convert_to_numpy(part(image))
        show(place, output[0, :, :, 0], title, vmin=0, vmax=1)
    return figure


def activation():
    """Draws the curves of the activations, with several draws if they are random."""
    inputs = np.linspace(-3, 3, 241).astype("float32")[:, None]
    figure, axes = panels(1, 3, 3.2, 2.7)
    for name, part in (
        ("ReLU", keras.layers.ReLU()),
        ("leaky ReLU", keras.layers.LeakyReLU(0.2)),
        ("ELU", keras.layers.ELU()),
    ):
        axes[0].plot(inputs, keras.ops.convert_to_numpy(part(inputs)), label=name)
    curve(axes[0], "Keras", "z", "activation")
    for draw in range(20):
        # One example, so that the whole curve has the same slope.
        output = layers.RReLU(per="channel", seed=draw)(inputs[None], training=True)
        axes[1].plot(inputs, keras.ops.convert_to_numpy(output)[0], color="tab:blue", alpha=0.25)
    axes[1].plot(inputs, keras.ops.convert_to_numpy(layers.RReLU()(inputs)), color="black", label="inference")
    curve(axes[1], "RReLU: 20 draws", "z", "activation")
    slopes, offsets = np.array([-0.9, 0.1, 1.2], "float32"), np.array([-1.2, 0.1, -1.0], "float32")
    pieces = inputs * slopes + offsets
    axes[2].plot(inputs, pieces, color="gray", linestyle=":", linewidth=1)
    axes[2].plot(inputs, keras.ops.convert_to_numpy(layers.Maxout(3)(pieces)), label="Maxout(3)")
    axes[2].plot(inputs, keras.ops.convert_to_numpy(layers.Probout(3)(pieces)), label="Probout(3), inference")
    draws = keras.ops.convert_to_numpy(layers.Probout(3, seed=SEED)(pieces, training=True))
    axes[2].plot(inputs, draws, ".", markersize=2, label="Probout(3), drawn")
    curve(axes[2], "three linear pieces", "z", "activation")
    return figure


def regularization():
    """Draws feature maps of ones after each layer of the drop family, two channels of two examples."""
    shape = (2, 20, 20, 2)
    ones = np.ones(shape, "float32")

    def residual(part):
        return lambda: part([np.zeros(shape, "float32"), ones], training=True)

    drawn = {
        "Dropout(0.25)": lambda: keras.layers.Dropout(0.25, seed=SEED)(ones, training=True),
        "SpatialDropout2D(0.5)": lambda: keras.layers.SpatialDropout2D(0.5, seed=SEED)(ones, training=True),
        "DropBlock2D(5, 0.25)": lambda: layers.DropBlock2D(5, 0.25, seed=SEED)(ones, training=True),
        "StochasticDepth(0.5)": lambda: layers.StochasticDepth(0.5, seed=1)(ones, training=True),
        "Swapout": residual(layers.Swapout(seed=SEED)),
    }
    figure, axes = panels(len(drawn), 4, 1.5, 1.6)
    for row, (title, draw) in enumerate(drawn.items()):
        output = keras.ops.convert_to_numpy(draw())
        for column in range(4):
            example, channel = divmod(column, 2)
            words = f"{title}\nexample {example + 1}, channel {channel + 1}"
            show(axes[4 * row + column], output[example, :, :, channel], words, vmin=0, vmax=2)
    return figure


def support(build, size=41):
    """Returns the number of paths from each input to the center output of a network with weights of one."""
    model = keras.Sequential([keras.Input((size, size, 1)), *build()])
    for weight in model.weights:
        weight.assign(np.full(weight.shape, 1.0 if len(weight.shape) > 1 else 0.0, "float32"))
    # The network is linear and symmetric, so these are the numbers of paths from the center input.
    point = np.zeros((1, size, size, 1), "float32")
    point[0, size // 2, size // 2] = 1
    return keras.ops.convert_to_numpy(model(point))[0, :, :, 0]


def convolution():
    """Draws receptive fields of stacks, and the kernel of a tiled convolution by position."""

    def stack(*rates):
        return lambda: [keras.layers.Conv2D(1, 3, padding="same", dilation_rate=rate) for rate in rates]

    fields = {
        "3 x 3, three times: 7 x 7": stack(1, 1, 1),
        "rates 1, 2, 4: 15 x 15": stack(1, 2, 4),
        "rates 1, 2, 4, 8: 31 x 31": stack(1, 2, 4, 8),
        "rates 4, 4: a grid with holes": stack(4, 4),
    }
    figure, axes = panels(1, 6)
    for place, (title, build) in zip(axes, fields.items(), strict=False):
        show(place, np.log1p(support(build)), title, cmap="viridis")
    for place, tile in zip(axes[4:], (2, 3), strict=True):
        rows, columns = np.indices((12, 12)) % tile
        show(
            place, rows * tile + columns, f"TiledConv2D, tile_size={tile}:\nkernel by position", cmap="tab10"
        )
    return figure


def normalization():
    """Draws the channels of one position before and after local response normalization."""
    values = np.zeros((1, 24), "float32")
    values[0, [5, 6, 7, 16]] = (20, 60, 20, 40)
    values += np.random.default_rng(SEED).uniform(0, 4, values.shape).astype("float32")
    figure, axes = panels(1, 2, 3.6, 2.4)
    axes[0].bar(range(24), values[0])
    curve(axes[0], "activations at one position", "channel", "value")
    part = layers.LocalResponseNormalization(depth_radius=2, bias=1.0, alpha=0.01, beta=0.75)
    axes[1].bar(range(24), keras.ops.convert_to_numpy(part(values))[0])
    curve(axes[1], "after LocalResponseNormalization(alpha=0.01)", "channel", "value")
    return figure


def metric_losses():
    """Draws each loss as a function of its input."""
    figure, axes = panels(2, 3, 3.2, 2.6)
    margins = np.linspace(-2, 3, 101).astype("float32")
    scores = np.stack([margins, np.zeros_like(margins)], axis=-1)
    first = np.zeros(len(margins), "int32")
    for formulation in ("one_vs_rest", "weston_watkins", "crammer_singer"):
        part = losses.MulticlassHinge(formulation=formulation, reduction=None)
        axes[0].plot(margins, keras.ops.convert_to_numpy(part(first, scores)), label=formulation)
    curve(axes[0], "MulticlassHinge, two classes", "score of the true class minus the other", "loss")
    distances = np.linspace(0, 2, 101).astype("float32")
    pairs = np.stack([np.zeros((101, 1), "float32"), distances[:, None]], axis=1)
    for name, part in (
        ("Contrastive", losses.Contrastive(reduction=None)),
        ("its squared hinge", losses.Contrastive(squared_hinge=True, reduction=None)),
        ("DoubleMarginContrastive(0.3, 1)", losses.DoubleMarginContrastive(0.3, 1.0, reduction=None)),
    ):
        for label, style in ((1, "-"), (0, "--")):
            values = keras.ops.convert_to_numpy(part(np.full(101, label, "float32"), pairs))
            axes[1].plot(distances, values, style, label=f"{name}, {'match' if label else 'no match'}")
    axes[1].set_ylim(0, 3.5)
    curve(axes[1], "losses on pairs", "Euclidean distance", "loss")
    angles = np.linspace(0, np.pi, 181).astype("float32")
    features = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    true = np.zeros(len(angles), "int32")
    for margin in (1, 2, 3, 4):
        part = layers.LargeMarginSoftmax(2, margin=margin, annealing_start=0, kernel_initializer="identity")
        output = keras.ops.convert_to_numpy(part(features, true, training=True))
        axes[2].plot(np.degrees(angles), output[:, 0], label=f"L-Softmax, {margin}")
    cosines = np.stack([np.cos(angles), np.zeros_like(angles)], axis=-1)
    for part, style in ((losses.ArcFace, "--"), (losses.CosFace, ":")):
        # The other logit is 0, so the cross-entropy determines the logit of the true class.
        entropy = keras.ops.convert_to_numpy(part(scale=1.0, reduction=None)(true, cosines))
        axes[2].plot(np.degrees(angles), -np.log(np.expm1(entropy)), style, label=part.__name__)
    curve(axes[2], "logit of the true class", "angle, degrees", "logit")
    logits = np.linspace(-4, 4, 101).astype("float32")[:, None]
    for kind in ("minimax", "non_saturating", "least_squares", "hinge", "wasserstein"):
        part = losses.GANLoss(kind)
        values = [float(part.generator(logit[None])) for logit in logits]
        axes[3].plot(logits, values, label=kind)
    curve(axes[3], "GANLoss of the generator", "logit of a generated image", "loss")
    offsets = np.linspace(0, 3, 121).astype("float32")
    true = np.tile(np.array([0, 0, 1, 1], "float32"), (121, 1))
    moved = true + np.stack([offsets, 0 * offsets, offsets, 0 * offsets], axis=-1)
    for kind in ("iou", "giou", "diou", "ciou"):
        part = losses.BoxIoU(kind=kind, bounding_box_format="xyxy", reduction=None)
        axes[4].plot(offsets, keras.ops.convert_to_numpy(part(true, moved)), label=kind)
    curve(axes[4], "BoxIoU of a box that moves away", "offset, in widths", "loss")
    weights = np.linspace(-1.5, 1.5, 301).astype("float32")
    for power in (0.5, 1.0, 2.0, 4.0):
        part = regularizers.Lp(1.0, p=power)
        axes[5].plot(weights, [float(part(np.array([weight]))) for weight in weights], label=f"p={power:g}")
    curve(axes[5], "regularizer Lp", "weight", "penalty")
    return figure


def training():
    """Draws kernels from the initializers, and norms in a network of a hundred layers."""
    figure, axes = panels(2, 6, 1.7, 1.9)
    bank = keras.ops.convert_to_numpy(initializers.GaborFilterBank()((11, 11, 1, 8)))
    for channel in range(8):
        show(axes[channel], bank[:, :, 0, channel], f"Gabor {channel + 1}")
    kernel = keras.ops.convert_to_numpy(initializers.BilinearUpsampling()((8, 8, 1, 1)))
    show(axes[8], kernel[:, :, 0, 0], "BilinearUpsampling")
    kernel = keras.ops.convert_to_numpy(initializers.DeltaOrthogonal(seed=SEED)((3, 3, 16, 16)))
    show(axes[9], kernel[1, 1], "DeltaOrthogonal, center", cmap="coolwarm")
    maps = np.random.default_rng(SEED).standard_normal((1, 12, 12, 16)).astype("float32")
    for name, make in (
        ("DeltaOrthogonal", lambda layer: initializers.DeltaOrthogonal(seed=layer)),
        ("GlorotUniform", lambda layer: keras.initializers.GlorotUniform(seed=layer)),
    ):
        norms, values = [], maps
        for layer in range(100):
            part = keras.layers.Conv2D(16, 3, padding="same", use_bias=False, kernel_initializer=make(layer))
            values = keras.ops.convert_to_numpy(part(values))
            norms.append(np.linalg.norm(values) / np.linalg.norm(maps))
        axes[10].semilogy(range(1, 101), norms, label=name)
    curve(axes[10], "norm, linear layers", "depth", "relative norm")
    axes[11].set_axis_off()
    return figure


PICTURES = {
    "activation": activation,
    "convolution": convolution,
    "losses": metric_losses,
    "normalization": normalization,
    "pooling": pooling,
    "regularization": regularization,
    "training": training,
}
