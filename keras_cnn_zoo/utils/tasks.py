"""The tasks, by the name that commands and presets use. `make enroll` writes this file."""

TASKS = {
    "classification": "one class per image",
    "detection": "boxes and their classes",
    "language": "one class per text",
    "segmentation": "one class per pixel",
    "speech": "one class per recording",
    "text": "the text on an image of a word",
    "tracking": "one target through a video",
}
