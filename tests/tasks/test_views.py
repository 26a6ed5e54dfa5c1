"""Mirrored images, tiles, and thresholds: answers from several views of an image."""

import tracemalloc

import numpy as np
import pytest

from keras_cnn_zoo import models, tasks
from keras_cnn_zoo.tasks import views
from keras_cnn_zoo.utils.errors import InputError


class Pixels:
    """A segmenter whose logits are a function of each pixel, and of the column if it is told to."""

    num_classes, class_names, input_shape = 10, tuple("abcdefghij"), (None, None, None, 3)

    def __init__(self, lopsided=0.0):
        self.lopsided, self.shapes = lopsided, []

    def preprocess(self, images):
        return np.stack(images).astype("float32")

    def predict_on_batch(self, images):
        self.shapes.append(images.shape)
        logits = -np.abs(images[..., :1] / 25 - np.arange(10, dtype="float32"))
        logits[..., 0] += self.lopsided * np.arange(images.shape[2]) / images.shape[2]
        return logits

    def decode(self, logits):
        return np.argmax(logits, axis=-1).astype("int32")


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 240, (height, width, 3)).astype("uint8")


def test_the_mask_of_tiles_is_that_of_the_whole_image():
    task, model = tasks.Segmentation(), Pixels()
    images = [picture(70, 100), picture(20, 90)]
    whole = task.answers(model, images)
    model.shapes.clear()
    tiled = task.answers(model, images, tiles=(40, 48))
    for one, other in zip(whole, tiled, strict=True):
        np.testing.assert_array_equal(one, other)
    assert {shape[1:3] for shape in model.shapes} == {(40, 48), (20, 48)}
    assert max(shape[0] for shape in model.shapes) <= task.batch_size


def test_tiles_take_little_memory():
    height, width = 900, 1200
    image = picture(height, width)
    task, model = tasks.Segmentation(), Pixels()
    tracemalloc.start()
    (mask,) = task.answers(model, [image], tiles=(64, 64))
    answers = tracemalloc.get_traced_memory()[1]
    _, pictures = task.describe(model, image, mask)
    described = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mask.dtype == "uint8" and len(pictures) == 2
    pixels = height * width
    # The logits of the whole image alone have 40 bytes per pixel.
    assert answers < 4 * pixels and described < 16 * pixels


def test_mirrored_images_have_mirrored_masks():
    task, plain = tasks.Segmentation(), Pixels()
    images = [picture(12, 16)]
    np.testing.assert_array_equal(task.answers(plain, images)[0], task.answers(plain, images, flip=True)[0])
    # A network that prefers class 0 on the right: with the mirror image, both sides are alike.
    lopsided = Pixels(lopsided=30.0)
    flat = np.full((12, 16, 3), 75, "uint8")
    (one,) = task.answers(lopsided, [flat])
    (both,) = task.answers(lopsided, [flat], flip=True)
    assert (one[:, 0] == 3).all() and (one[:, -1] == 0).all()
    np.testing.assert_array_equal(both, both[:, ::-1])
    for extra in ({"tiles": (32, 32)}, {}):
        large = task.answers(lopsided, [picture(40, 40)], flip=True, **extra)[0]
        assert large.shape == (40, 40)


class Sides:
    """A classifier whose logits are the means of the left and of the right half."""

    class_names = ("left", "right")

    def preprocess(self, images):
        return np.stack(images).astype("float32")

    def predict_on_batch(self, images):
        middle = images.shape[2] // 2
        return (
            np.stack([images[:, :, :middle].mean((1, 2, 3)), images[:, :, middle:].mean((1, 2, 3))], 1) / 50
        )

    def decode(self, outputs):
        from keras_cnn_zoo.models.decoding import decode_classes

        return decode_classes(outputs, self.class_names)


def test_flip_averages_probabilities():
    image = np.zeros((4, 6, 1), "uint8")
    image[:, :3] = 100
    task = tasks.Classification()
    (one,), (both,) = (task.answers(Sides(), [image], flip=flip) for flip in (False, True))
    assert one["class_name"] == "left" and one["probability"] == pytest.approx(1 / (1 + np.exp(-2)))
    assert both["probability"] == pytest.approx(0.5, abs=1e-5)
    assert sum(row["probability"] for row in both["top"]) == pytest.approx(1, abs=1e-5)


class Finder:
    """A detector that returns the bright rectangles of an image, of the class of their value."""

    num_classes, class_names, input_shape = 3, ("a", "b", "c"), (None, 120, 160, 3)

    def __init__(self, smallest=0):
        self.smallest, self.shapes = smallest, []

    def preprocess(self, images):
        self.images = list(images)
        return np.zeros((len(images), 1), "float32")

    def predict_on_batch(self, inputs):
        return inputs

    def decode(self, outputs, sizes):
        found = []
        for image in self.images:
            self.shapes.append(image.shape)
            boxes, classes, scores = [], [], []
            for label in range(3):
                rows, columns = np.nonzero(image[..., 0] == 100 + label)
                # In a large image the network sees no small object.
                if len(rows) and np.ptp(columns) >= self.smallest * image.shape[1]:
                    boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
                    classes.append(label)
                    scores.append(0.3 + 0.2 * label)
            boxes = np.array(boxes, "float32").reshape(-1, 4)
            found.append({"boxes": boxes, "classes": np.array(classes, int), "scores": np.array(scores)})
        return found


def scene():
    image = np.zeros((120, 160, 3), "uint8")
    image[10:30, 20:50] = 100
    image[70:90, 90:110] = 101
    image[95:118, 10:150] = 102
    return image


EXPECTED = [[10, 95, 150, 118], [90, 70, 110, 90], [20, 10, 50, 30]]


def test_tiles_find_small_objects_and_the_whole_image_large_ones():
    model = Finder(smallest=0.25)
    (whole,) = tasks.Detection().answers(model, [scene()])
    assert whole["boxes"].tolist() == EXPECTED[:1]
    (tiled,) = tasks.Detection().answers(model, [scene()], tiles=(64, 64))
    assert tiled["boxes"].tolist() == EXPECTED and tiled["classes"].tolist() == [2, 1, 0]
    assert {shape[:2] for shape in model.shapes} == {(120, 160), (64, 64)}
    # An image that is one tile is seen once.
    model.shapes.clear()
    tasks.Detection().answers(model, [scene()], tiles=(200, 200))
    assert len(model.shapes) == 1


def test_the_whole_of_a_large_image_is_shrunk_before_the_network_sees_it():
    model = Finder(smallest=0.25)
    model.input_shape = (None, 60, 90, 3)
    (tiled,) = tasks.Detection().answers(model, [scene()], tiles=(64, 64))
    assert {shape[:2] for shape in model.shapes} == {(60, 80), (64, 64)}
    assert tiled["classes"].tolist() == [2, 1, 0]
    # Objects lose a blurred pixel of the smaller image at each edge.
    np.testing.assert_allclose(tiled["boxes"], EXPECTED, atol=4)
    np.testing.assert_array_equal(tiled["boxes"][1:], EXPECTED[1:])
    # Other numbers than uint8 are left to the network.
    model.shapes.clear()
    tasks.Detection().answers(model, [scene().astype("float32")], tiles=(64, 64))
    assert {shape[:2] for shape in model.shapes} == {(120, 160), (64, 64)}


class Blind(Finder):
    """Prepares images as detectors do, and finds nothing."""

    input_shape, preprocessing = (None, 64, 64, 3), {"mean": 127.5, "std": 127.5}
    with_channels = staticmethod(models.RetinaNet.with_channels)
    preprocess, normalize = models.RetinaNet.preprocess, models.RetinaNet.normalize

    def decode(self, outputs, sizes):
        empty = {"boxes": np.zeros((0, 4), "float32"), "scores": np.zeros(0), "classes": np.zeros(0, int)}
        return [empty for _ in sizes]


@pytest.mark.parametrize("flip", [False, True])
def test_tiles_take_little_memory_in_detection_too(flip):
    image = picture(1200, 1600)
    tracemalloc.start()
    tasks.Detection().answers(Blind(), [image], tiles=(64, 64), flip=flip)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A float copy of the image has four times its bytes.
    assert peak < image.nbytes / 2


class Cropped(Finder):
    """Finds a large object in the whole image, and in the first tile the part of it that is there."""

    def __init__(self, size, gap, whole=0.06):
        super().__init__()
        self.input_shape, self.gap, self.whole = (None, size, size, 3), gap, whole

    def decode(self, outputs, sizes):
        found = []
        for image in self.images:
            edges, scores = np.zeros((0, 4), "float32"), []
            if image.shape[1] == 2 * image.shape[0]:
                edges, scores = np.array([[20, 10, 250, 100]], "float32") * image.shape[1] / 256, [self.whole]
            elif image[0, 0, 0] == 0:
                edges, scores = np.array([[20, 10, 128 - self.gap, 100]], "float32"), [0.9]
            found.append({"boxes": edges, "scores": np.array(scores), "classes": np.zeros(len(scores), int)})
        return found


def columns():
    """Returns an image of two tiles of 128 and the one between them; each pixel has its column as value."""
    return np.broadcast_to(np.arange(256, dtype="uint8")[:, None], (128, 256, 3)).copy()


WHOLE, PART = [20, 10, 250, 100], [20, 10, 128, 100]


def test_an_object_larger_than_the_overlap_keeps_the_score_of_its_part():
    task = tasks.Detection()
    (found,) = task.answers(Cropped(128, gap=0), [columns()], tiles=(128, 128))
    assert found["boxes"].tolist() == [WHOLE] and found["scores"].tolist() == [0.9]
    # A whole box with a higher score keeps its own.
    (found,) = task.answers(Cropped(128, gap=0, whole=0.95), [columns()], tiles=(128, 128))
    assert found["boxes"].tolist() == [WHOLE] and found["scores"].tolist() == [0.95]


def test_a_box_below_the_score_threshold_does_not_replace_one_above_it():
    task = tasks.Detection()
    (found,) = task.answers(Cropped(128, gap=0), [columns()], tiles=(128, 128), score_threshold=0.5)
    assert found["boxes"].tolist() == [PART] and found["scores"].tolist() == [0.9]
    assert found["shown"] == 0.5


def test_a_box_is_cut_off_if_it_ends_near_the_edge_in_pixels_of_the_network():
    # Four pixels of the image are one of a network of 32 pixels, and four of one of 128.
    (coarse,) = tasks.Detection().answers(Cropped(32, gap=4), [columns()], tiles=(128, 128))
    assert coarse["boxes"].tolist() == [WHOLE]
    (fine,) = tasks.Detection().answers(Cropped(128, gap=4), [columns()], tiles=(128, 128))
    assert fine["boxes"].tolist() == [[20, 10, 124, 100], WHOLE]
    # A network that is larger than the tile sees no finer edges than the image has.
    (large,) = tasks.Detection().answers(Cropped(512, gap=1), [columns()], tiles=(128, 128))
    assert large["boxes"].tolist() == [WHOLE]


def test_mirrored_boxes_come_back_to_their_place():
    (found,) = tasks.Detection().answers(Finder(), [scene()], flip=True)
    assert found["boxes"].tolist() == EXPECTED

    def only_left(images):
        """Sees an object only in the left half."""
        return [_decoded(image[:, :80]) for image in images]

    (one,) = views.mirrored_boxes(only_left, [scene()[:92]])
    assert sorted(map(tuple, one["boxes"].tolist())) == [(20, 10, 50, 30), (90, 70, 110, 90)]
    # Each is in one view of two.
    assert sorted(one["scores"].tolist()) == pytest.approx([0.15, 0.25])


def test_data_without_an_up_are_mirrored_upside_down_too():
    def top_left(images):
        """Sees an object only in the upper left quarter."""
        return [_decoded(image[:60, :80]) for image in images]

    image = np.zeros((120, 160, 3), "uint8")
    image[90:110, 100:130] = 100
    (none,) = views.mirrored_boxes(top_left, [image])
    assert len(none["scores"]) == 0
    (one,) = views.mirrored_boxes(top_left, [image], upside_down=True)
    assert one["boxes"].tolist() == [[100, 90, 130, 110]] and one["scores"] == pytest.approx([0.3 / 4])
    for turns, count in ((False, 2), (True, 4)):
        finder = Finder()
        (found,) = tasks.Detection(turns=turns).answers(finder, [scene()], flip=True)
        assert found["boxes"].tolist() == EXPECTED and len(finder.shapes) == count


def _decoded(image):
    finder = Finder()
    finder.preprocess([image])
    return finder.decode(None, None)[0]


def test_a_score_threshold_reaches_answers_and_pictures():
    task, model = tasks.Detection(), Finder()
    (answer,) = task.answers(model, [scene()], score_threshold=0.45)
    assert sorted(answer["classes"]) == [1, 2]
    described, pictures = task.describe(model, scene(), answer)
    assert len(described["objects"]) == 2
    # Below the usual threshold of pictures, a box is drawn too.
    (low,) = task.answers(model, [scene()], score_threshold=0.1)
    usual = task.describe(model, scene(), task.answers(model, [scene()])[0])[1][".png"]
    shown = task.describe(model, scene(), low)[1][".png"]
    assert (np.asarray(usual) != np.asarray(shown)).any()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("segmentation", {"tiles": (16, 64)}, r"`tiles` must be two integers of at least 32. Received: \(16"),
        ("detection", {"tiles": 64}, "`tiles` must be two integers of at least 32. Received: 64"),
        ("detection", {"score_threshold": 1.5}, "`score_threshold` must be .* Received: .*1.5"),
    ],
)
def test_bad_options_are_refused(name, options, message):
    task = tasks.TASKS[name]()
    for call in (task.check_options, lambda **more: task.answers(None, [], **more)):
        with pytest.raises(InputError, match=message):
            call(**options)


def test_a_task_that_answers_otherwise_is_another_task():
    task = tasks.Detection()
    other = task.answering(score_threshold=0.45)
    assert len(other.answers(Finder(), [scene()])[0]["scores"]) == 2
    assert len(task.answers(Finder(), [scene()])[0]["scores"]) == 3
    rows = other.evaluate(Finder(), _Source())
    assert rows["map50"] == pytest.approx(2 / 3) and task.evaluate(Finder(), _Source())["map50"] > 0.99


class _Source:
    """A test split of one image."""

    class_names = ("a", "b", "c")

    def split(self, name):
        return [
            {
                "image": scene(),
                "boxes": np.array(EXPECTED, "float32"),
                "classes": np.array([2, 1, 0]),
                "crowd": np.zeros(3, bool),
            }
        ]
