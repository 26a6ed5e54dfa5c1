"""A small convolutional network that classifies spoken words."""

import keras
import numpy as np
from keras import layers

from keras_cnn_zoo.models.base import scaled
from keras_cnn_zoo.models.blocks import convolved
from keras_cnn_zoo.models.classifier import Classifier
from keras_cnn_zoo.models.speech.spectrogram import STEP_SECONDS, MelDecibels, SpectrogramMasks
from keras_cnn_zoo.ops.host import waveforms
from keras_cnn_zoo.utils import prototypes, validation
from keras_cnn_zoo.utils.arrays import to_numpy

VARIANTS = {
    # One convolution per stage.
    "small": {"filters": (16, 32, 64, 96), "convolutions": 1},
    # Two convolutions per stage, and wider.
    "large": {"filters": (24, 48, 96, 144), "convolutions": 2},
}
RATES = (1000, 384_000)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class KeywordCNN(Classifier):
    """Keyword spotter: convolutions over the mel spectrogram of a waveform, and one class per clip.

    The network takes waveforms and computes everything else: frames of 25 ms every 10 ms, and mel bands in
    decibels below the clip's loudest cell, so that the level of a recording does not matter. SpecAugment
    masks parts of it in training. Four stages of 3 x 3 convolutions halve the map, and an average over time
    follows. The spectrogram equals `keras.layers.MelSpectrogram`, but is computed as a convolution with sines
    and cosines in at least float32, because a Fourier transform does not export to ONNX. `preprocess` takes
    recordings of any rate, number of channels, and length.

    Reference:
        Sainath, Parada, "Convolutional Neural Networks for Small-footprint Keyword Spotting", 2015; the masks
        are those of Park et al., "SpecAugment", 2019, arXiv 1904.08779.

    Differs from the paper: 3 x 3 convolutions with batch normalization and an average over time, instead of
    two convolutions with large kernels and dense layers. Masked parts have the clip's mean, and the widths of
    masks are shares of the axes.

    Args:
        num_classes: number of words, a positive integer.
        input_shape: (samples,), the length of a clip. One second by default.
        sample_rate: samples per second, from 1,000 to 384,000.
        variant: "small" (one convolution per stage) or "large" (two, and wider).
        width: scales the channels of every stage.
        num_mel_bins: number of mel bands between 60 Hz and half the sample rate.
        time_mask: longest time mask in training, as a share of the clip, in [0, 1); 0 for none.
        frequency_mask: widest frequency mask in training, as a share of the bands, in [0, 1); 0 for none.
        num_masks: number of masks of each kind.
        normalization: "batch", a layer used as prototype, or None.
        activation: name or layer after each normalization.
        dropout: share of features dropped in training before the last layer, in [0, 1).
        seed: seed of the masks, an integer, or None.
        class_names: the words, or None.
        **kwargs: `name` and `trainable`.

    Call arguments:
        inputs: float tensor, waveforms as `preprocess` returns them.

    Input shape:
        (batch, samples).

    Output shape:
        (batch, num_classes), logits.

    Raises:
        ValueError: for an unknown variant, a clip too short for the stages, or a bad argument.

    >>> import numpy as np
    >>> from keras_cnn_zoo.models import KeywordCNN
    >>> model = KeywordCNN(2, input_shape=(4000,), sample_rate=8000, class_names=("yes", "no"))
    >>> stereo = np.random.default_rng(0).normal(size=(44100, 2))
    >>> print(model.preprocess([(stereo, 44100)]).shape)
    (1, 4000)
    """

    task = "speech"
    input_name = "audio"
    variants = tuple(VARIANTS)
    # Waveforms are not scaled, because the network measures relative to the clip's loudest cell.
    preprocessing = {}
    usage = "answer = model.decode(model(model.preprocess([(samples, sample_rate)])))"

    def __init__(
        self,
        num_classes,
        *,
        input_shape=(8000,),
        sample_rate=8000,
        variant="small",
        width=1.0,
        num_mel_bins=40,
        time_mask=0.1,
        frequency_mask=0.15,
        num_masks=2,
        normalization="batch",
        activation="relu",
        dropout=0.3,
        seed=None,
        class_names=None,
        **kwargs,
    ):
        # === Arguments ===
        num_classes = validation.positive_integer("num_classes", num_classes)
        validation.one_of("variant", variant, self.variants)
        width = validation.finite_number("width", width, above=0)
        sample_rate = validation.positive_integer("sample_rate", sample_rate)
        if not RATES[0] <= sample_rate <= RATES[1]:
            validation.fail("sample_rate", f"between {RATES[0]} and {RATES[1]}", sample_rate)
        num_mel_bins = validation.positive_integer("num_mel_bins", num_mel_bins)
        time_mask = validation.probability("time_mask", time_mask, allow_one=False)
        frequency_mask = validation.probability("frequency_mask", frequency_mask, allow_one=False)
        num_masks = validation.positive_integer("num_masks", num_masks)
        normalization = prototypes.normalization("normalization", normalization)
        activation = prototypes.activation("activation", activation)
        dropout = validation.probability("dropout", dropout, allow_one=False)
        seed = validation.integer("seed", seed, optional=True)
        class_names = self.check_class_names(num_classes, class_names)
        input_shape = _check_input_shape(input_shape, sample_rate, len(VARIANTS[variant]["filters"]))

        # === Functional model ===
        inputs = keras.Input(input_shape)
        x = MelDecibels(sample_rate, num_mel_bins, name="spectrogram")(inputs)
        if time_mask or frequency_mask:
            x = SpectrogramMasks(time_mask, frequency_mask, num_masks, seed, name="masks")(x)
        for stage, filters in enumerate(VARIANTS[variant]["filters"], start=1):
            for index in range(1, VARIANTS[variant]["convolutions"] + 1):
                name = f"stage_{stage}_{index}"
                x = convolved(
                    x,
                    scaled(filters, width),
                    3,
                    name,
                    normalization=normalization,
                    activation=activation,
                )
            x = layers.MaxPooling2D(
                2, strides=2, padding="same", data_format="channels_last", name=f"stage_{stage}_pooling"
            )(x)
        # Only over time, because the band distinguishes one vowel from another.
        x = layers.AveragePooling2D((x.shape[1], 1), strides=1, data_format="channels_last", name="pooling")(
            x
        )
        x = layers.Flatten(data_format="channels_last", name="flatten")(x)
        if dropout:
            x = layers.Dropout(dropout, name="dropout")(x)
        outputs = layers.Dense(num_classes, dtype="float32", name="logits")(x)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

    def preprocess(self, clips):
        """Returns recordings as the float32 batch that the network takes.

        Args:
            clips: a list of recordings, each an array at the network's sample rate or a pair (array, sample
                rate); or one such pair; or one array (samples,), (1, samples), or (samples, 1). Arrays are
                (samples,), (samples, channels), or (channels, samples), of floats or integers. The shorter
                axis is that of the channels, which are averaged.

        Returns:
            A NumPy array (batch, samples) at the network's sample rate. Shorter recordings are centered in
            silence, and longer ones are cut to their loudest part.

        Raises:
            ValueError: for NaN, a recording without samples, an empty list, or a bad sample rate.
        """
        length = self.input_shape[1]
        return np.stack([waveforms.fit_length(self._as_waveform(clip), length) for clip in _as_list(clips)])

    def _as_waveform(self, clip):
        samples, rate = clip if isinstance(clip, tuple) else (clip, self.sample_rate)
        rate = validation.positive_integer("sample_rate", rate)
        samples = np.asarray(samples)
        if samples.dtype.kind not in "iuf":
            raise ValueError(f"Each recording must be an array of numbers. Received: {samples.dtype} array")
        samples = waveforms.samples_first(samples)
        waveform = waveforms.mono(waveforms.as_float(samples))
        if not np.isfinite(waveform).all():
            raise ValueError("`clips` must be finite. Received: a recording with NaN or infinite samples")
        return waveforms.resample(waveform, rate, self.sample_rate)

    def _input_facts(self):
        return {
            "kind": "audio",
            "axes": ["batch", "samples"],
            "range": [-1, 1],
            "sample_rate": self.sample_rate,
            # As `preprocess` does it.
            "fit": "the channels are averaged; a shorter recording is centered in silence, and of a longer "
            "one the loudest part is used",
        }

    def spectrogram(self, batch):
        """Returns the network's spectrogram of a batch from `preprocess`: (batch, frames, bands), -1 to 1."""
        return to_numpy(self.get_layer("spectrogram")(batch))[..., 0]


def _as_list(clips):
    """Returns a list of recordings. A pair whose second item is a number is one recording."""
    if isinstance(clips, tuple) and len(clips) == 2 and np.ndim(clips[1]) == 0:
        return [clips]
    if isinstance(clips, (list, tuple)):
        if not clips:
            raise ValueError("`clips` must have at least one recording. Received: clips=[]")
        if not isinstance(clips[0], tuple) and np.ndim(clips[0]) == 0:
            raise ValueError(f"`clips` must be a list of recordings. Received: clips[0]={clips[0]!r}")
        return list(clips)
    clips = np.asarray(clips)
    if clips.ndim == 2 and 1 in clips.shape:
        clips = clips.reshape(-1)
    if clips.ndim != 1:
        raise ValueError(
            "`clips` must be a list of recordings, or one recording of shape (samples,) or (1, samples). "
            f"Received: array of shape {clips.shape}"
        )
    return [clips]


def _check_input_shape(input_shape, sample_rate, stages):
    """Returns (samples,), checked to leave more than one frame in the last stage."""
    if isinstance(input_shape, int):
        validation.fail("input_shape", "(samples,)", input_shape)
    (samples,) = validation.positive_integers("input_shape", input_shape, 1)
    shortest = round(STEP_SECONDS * sample_rate) * 2**stages
    if samples < shortest:
        validation.fail(
            "input_shape", f"at least {shortest} samples long at {sample_rate} per second", input_shape
        )
    return (samples,)
