"""`digit_scenes` as a TensorFlow Datasets builder: importing this module registers the name."""

import tensorflow_datasets as tfds

from keras_cnn_zoo.data.embedded.builder import EmbeddedBuilder
from keras_cnn_zoo.data.embedded.digit_scenes import moving, scenes, strings


class DigitScenes(EmbeddedBuilder):
    """Builder of `digit_scenes/NAME`, where NAME is a task."""

    DESCRIPTION = (
        "Real handwritten digits from scikit-learn: alone, or one to five at random positions, sizes, and "
        "shades in textured gray scenes, with boxes and masks. Train, validation, and test share no digit."
    )
    CITATION = (
        "@misc{alpaydin1998optical, author={E. Alpaydin and C. Kaynak}, title={Optical Recognition of "
        "Handwritten Digits}, year={1998}, howpublished={UCI Machine Learning Repository}, "
        "doi={10.24432/C50P49}}"
    )
    HOMEPAGE = "https://archive.ics.uci.edu/dataset/80"
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="classification", description="Single digits, 28 x 28."),
        tfds.core.BuilderConfig(name="detection", description="Scenes, 96 x 96, with boxes."),
        tfds.core.BuilderConfig(name="segmentation", description="Scenes, 96 x 96, with class masks."),
        tfds.core.BuilderConfig(name="text", description="Numbers of 1 to 8 digits in a row, 32 high."),
        tfds.core.BuilderConfig(
            name="tracking", description="Videos of 40 frames, 160 x 120, with the box of one digit."
        ),
    ]

    def example_features(self):
        classes = list(scenes.DIGIT_CLASSES)
        scene_shape = (scenes.SIZE, scenes.SIZE, 1)
        scene = tfds.features.Image(shape=scene_shape, encoding_format="png")
        supervised_keys = None
        if self.builder_config.name == "classification":
            side = scenes.DIGIT_SIZE
            features = {
                "image": tfds.features.Image(shape=(side, side, 1), encoding_format="png"),
                "label": tfds.features.ClassLabel(names=classes),
            }
            supervised_keys = ("image", "label")
        elif self.builder_config.name == "text":
            features = {
                "image": tfds.features.Image(shape=(strings.HEIGHT, None, 1), encoding_format="png"),
                "text": tfds.features.Text(),
            }
            supervised_keys = ("image", "text")
        elif self.builder_config.name == "tracking":
            frame_shape = (moving.FRAMES, moving.HEIGHT, moving.WIDTH, 3)
            features = {
                "video": tfds.features.Video(shape=frame_shape, encoding_format="png"),
                "bboxes": tfds.features.Sequence(tfds.features.BBoxFeature(), length=moving.FRAMES),
            }
        elif self.builder_config.name == "detection":
            features = {
                "image": scene,
                "objects": tfds.features.Sequence(
                    {"bbox": tfds.features.BBoxFeature(), "label": tfds.features.ClassLabel(names=classes)}
                ),
            }
        else:
            features = {
                "image": scene,
                "segmentation_mask": tfds.features.LabeledImage(
                    labels=list(scenes.MASK_CLASSES), shape=scene_shape, encoding_format="png"
                ),
            }
            supervised_keys = ("image", "segmentation_mask")
        return features, supervised_keys

    def _generate_examples(self, split):
        if self.builder_config.name == "classification":
            for index, (image, label) in enumerate(zip(*scenes.digits(split), strict=True)):
                yield index, {"image": image, "label": int(label)}
            return
        if self.builder_config.name == "text":
            made = strings.strings(split)
            for index, (image, text) in enumerate(zip(made.images, made.texts, strict=True)):
                yield index, {"image": image, "text": text}
            return
        if self.builder_config.name == "tracking":
            height, width = moving.HEIGHT, moving.WIDTH
            for index in range(moving.COUNTS[split]):
                scene = moving.moving_scene(split, index)
                left, top, across, down = scene.boxes.astype("float64").T
                edges = zip(
                    top / height, left / width, (top + down) / height, (left + across) / width, strict=True
                )
                yield index, {"video": list(scene), "bboxes": [tfds.features.BBox(*box) for box in edges]}
            return
        made = scenes.scenes(split)
        for index, image in enumerate(made.images):
            if self.builder_config.name == "detection":
                boxes = made.boxes[index] / scenes.SIZE
                objects = [
                    {"bbox": tfds.features.BBox(*(float(edge) for edge in box)), "label": int(label)}
                    for box, label in zip(boxes, made.labels[index], strict=True)
                ]
                yield index, {"image": image, "objects": objects}
            else:
                yield index, {"image": image, "segmentation_mask": made.masks[index][..., None]}
