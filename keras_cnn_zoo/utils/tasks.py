"""The tasks by the name that commands, folders, and presets use. Everything else reads this table."""

TASKS = {
    "classification": "one class per image",
    "detection": "boxes and their classes",
    "language": "one class per text",
    "segmentation": "one class per pixel",
    "speech": "one class per recording",
    "text": "the text in an image of a word",
    "tracking": "one target through a video",
}
