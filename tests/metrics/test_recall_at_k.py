"""RecallAtK against sorted distances per query, and pytorch-metric-learning."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.metrics import RecallAtK
from keras_cnn_zoo.metrics.recall_at_k import TABLE_NUMBERS


def script(class_ids, embeddings, k, distance="euclidean"):
    """Sorts the neighbors of each query and checks the first k; a tie averages over its orders."""
    scores = []
    for query, class_id in enumerate(class_ids):
        others = [other for other in range(len(class_ids)) if other != query]
        if class_id not in [class_ids[other] for other in others]:
            continue
        a = embeddings[query]
        if distance == "cosine":
            lengths = [
                1 - a @ embeddings[other] / np.linalg.norm(a) / np.linalg.norm(embeddings[other])
                for other in others
            ]
        else:
            lengths = [np.sum((a - embeddings[other]) ** 2) for other in others]
        order = np.argsort(lengths)
        scores.append(any(class_ids[others[place]] == class_id for place in order[:k]))
    return np.mean(scores) if scores else 0.0


def script_of_two_sets(queries, gallery, k, distance="euclidean"):
    """Sorts the gallery of each query whose class is there."""
    scores = []
    for class_id, point in zip(*queries, strict=True):
        if class_id not in gallery[0]:
            continue
        if distance == "cosine":
            lengths = [1 - point @ a / np.linalg.norm(point) / np.linalg.norm(a) for a in gallery[1]]
        else:
            lengths = [np.sum((point - a) ** 2) for a in gallery[1]]
        scores.append(class_id in gallery[0][np.argsort(lengths)[:k]])
    return np.mean(scores) if scores else 0.0


def points(seed, examples=40, classes=6, dim=5):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, classes, examples)
    return ids, (rng.normal(size=(classes, dim))[ids] + rng.normal(size=(examples, dim))).astype("float32")


def recall(*updates, **arguments):
    metric = RecallAtK(**arguments)
    for update in updates:
        metric.update_state(*update)
    return float(metric.result())


IDS, EMBEDDINGS = points(0)
IN_GALLERY = np.random.default_rng(1).random(len(IDS)) < 0.6
CASES = [
    dict(
        cls=RecallAtK,
        init_kwargs={"k": 2, "name": "r2", "distance": "cosine"},
        updates=[(IDS[:25], EMBEDDINGS[:25]), (IDS[25:], EMBEDDINGS[25:])],
        expected=script(IDS, EMBEDDINGS, 2, "cosine"),
    ),
    dict(
        cls=RecallAtK,
        init_kwargs={},
        updates=[(IDS[:, None], EMBEDDINGS)],
        expected=script(IDS, EMBEDDINGS, 1),
    ),
    dict(
        cls=RecallAtK,
        init_kwargs={"k": 2, "separate_gallery": True},
        updates=[
            ({"class_ids": IDS[:25], "in_gallery": IN_GALLERY[:25]}, EMBEDDINGS[:25]),
            ({"class_ids": IDS[25:, None], "in_gallery": IN_GALLERY[25:, None]}, EMBEDDINGS[25:]),
        ],
        expected=script_of_two_sets(
            (IDS[~IN_GALLERY], EMBEDDINGS[~IN_GALLERY]), (IDS[IN_GALLERY], EMBEDDINGS[IN_GALLERY]), 2
        ),
    ),
]


def marked(ids, in_gallery):
    return {"class_ids": ids, "in_gallery": np.broadcast_to(in_gallery, np.shape(ids))}


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
@pytest.mark.parametrize("k", [1, 2, 4, 100])
@pytest.mark.parametrize("seed", range(1, 4))
def test_equals_sorted_distances(seed, k, distance):
    ids, embeddings = points(seed)
    expected = script(ids, embeddings, k, distance)
    assert recall((ids, embeddings), k=k, distance=distance) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_equals_pytorch_metric_learning(distance):
    torch = pytest.importorskip("torch")
    distances = pytest.importorskip("pytorch_metric_learning.distances")
    inference = pytest.importorskip("pytorch_metric_learning.utils.inference")
    accuracy = pytest.importorskip("pytorch_metric_learning.utils.accuracy_calculator")

    # Class 99 occurs once, so it is not a query there either.
    ids, embeddings = points(7, examples=200, classes=12, dim=16)
    ids[3] = 99
    knn = inference.CustomKNN(
        distances.CosineSimilarity()
        if distance == "cosine"
        else distances.LpDistance(normalize_embeddings=False)
    )
    calculator = accuracy.AccuracyCalculator(
        include=("precision_at_1",), k=1, device=torch.device("cpu"), knn_func=knn
    )
    theirs = calculator.get_accuracy(torch.tensor(embeddings), torch.tensor(ids))["precision_at_1"]
    assert 0.1 < theirs < 0.9
    assert recall((ids, embeddings), distance=distance) == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
@pytest.mark.parametrize("k", [1, 2, 5, 100])
@pytest.mark.parametrize("seed", range(1, 4))
def test_a_separate_gallery_equals_sorted_distances(monkeypatch, seed, k, distance):
    monkeypatch.setattr("keras_cnn_zoo.metrics.recall_at_k.CHUNK_NUMBERS", 100)
    queries, gallery = points(seed, 30, 9), points(seed + 10, 50, 7)
    expected = script_of_two_sets(queries, gallery, k, distance)
    updates = [
        (marked(gallery[0][:20], True), gallery[1][:20]),
        (marked(queries[0], False), queries[1]),
        (marked(gallery[0][20:], True), gallery[1][20:]),
    ]
    found = recall(*updates, k=k, distance=distance, separate_gallery=True)
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_separate_gallery_equals_pytorch_metric_learning():
    torch = pytest.importorskip("torch")
    distances = pytest.importorskip("pytorch_metric_learning.distances")
    inference = pytest.importorskip("pytorch_metric_learning.utils.inference")
    accuracy = pytest.importorskip("pytorch_metric_learning.utils.accuracy_calculator")

    # Class 99 is not in the gallery, so it is not a query there either.
    queries, gallery = points(7, 80, 12, 16), points(8, 200, 12, 16)
    queries[0][3] = 99
    knn = inference.CustomKNN(distances.LpDistance(normalize_embeddings=False))
    calculator = accuracy.AccuracyCalculator(
        include=("precision_at_1",), k=1, device=torch.device("cpu"), knn_func=knn
    )
    theirs = calculator.get_accuracy(
        torch.tensor(queries[1]),
        torch.tensor(queries[0]),
        reference=torch.tensor(gallery[1]),
        reference_labels=torch.tensor(gallery[0]),
    )["precision_at_1"]
    updates = [(marked(queries[0], False), queries[1]), (marked(gallery[0], True), gallery[1])]
    assert recall(*updates, separate_gallery=True) == pytest.approx(theirs, abs=1e-6)


def test_a_query_finds_its_copy_in_the_gallery_and_needs_its_class_there():
    places = np.array([[0.0], [1.0], [9.0]])
    updates = [(marked([1, 2, 3], False), places), (marked([1, 2], True), places[:2])]
    assert recall(*updates, separate_gallery=True) == 1.0
    assert recall((marked([1, 2], False), places[:2]), separate_gallery=True) == 0.0
    assert recall((marked([1, 2], True), places[:2]), separate_gallery=True) == 0.0
    # The other query is nearer, but not in the gallery.
    mixed = {"class_ids": [1, 2, 1, 2], "in_gallery": [False, False, True, True]}
    assert recall((mixed, [[0.0], [0.1], [1.0], [3.0]]), separate_gallery=True) == 0.5


def test_a_constant_embedding_is_a_guess_in_a_separate_gallery():
    updates = [(marked([4], False), np.ones((1, 3))), (marked([4, 5, 6, 7], True), np.ones((4, 3)))]
    assert recall(*updates, separate_gallery=True) == pytest.approx(1 / 4)
    assert recall(*updates, k=3, separate_gallery=True) == pytest.approx(3 / 4)


def test_a_separate_gallery_is_forgotten_by_reset_and_fills_several_tables(monkeypatch):
    monkeypatch.setattr("keras_cnn_zoo.metrics.recall_at_k.TABLE_NUMBERS", 16)
    queries, gallery = points(3, 30), points(4, 50)
    metric = RecallAtK(separate_gallery=True)
    for _ in range(2):
        metric.update_state(marked(queries[0], False), queries[1])
        metric.update_state(marked(gallery[0], True), gallery[1])
        assert len(metric.in_gallery) == 5
        assert float(metric.result()) == pytest.approx(script_of_two_sets(queries, gallery, 1), abs=1e-6)
        metric.reset_state()
        assert float(metric.result()) == 0.0


@pytest.mark.parametrize(
    "separate, y_true, message",
    [
        (
            False,
            {"class_ids": [0], "in_gallery": [True]},
            "A dict needs `separate_gallery=True`. Received: a",
        ),
        (True, [0], "`y_true` must be a dict of class_ids and in_gallery. Received: no dict"),
        (True, {"class_ids": [0]}, r"must be a dict of .* Received: a dict of \['class_ids'\]"),
        (True, {"class_ids": [0], "in_gallery": [2]}, r"must contain booleans. Received: \[2\]"),
        (True, {"class_ids": [0], "in_gallery": ["yes"]}, "must contain booleans. Received: "),
        (True, {"class_ids": [0], "in_gallery": [0, 1]}, r"one boolean per class id. Received: \(2,\) for"),
        (True, {"class_ids": [0, 1], "in_gallery": [0, 1]}, r"`y_true` must be \(batch,\) or .* Received:"),
    ],
)
def test_refuses_other_galleries(separate, y_true, message):
    with pytest.raises(ValueError, match=message):
        recall((y_true, np.zeros((1, 2))), separate_gallery=separate)


def test_summary_equals_separate_metrics():
    metric = RecallAtK()
    metric.update_state(IDS, EMBEDDINGS)
    summary = metric.summary((1, 3))
    assert summary == pytest.approx({k: script(IDS, EMBEDDINGS, k) for k in (1, 3)})
    assert list(metric.summary()) == [1, 2, 4, 8]


def test_a_constant_embedding_is_as_good_as_guessing():
    ids = np.repeat([0, 1, 2, 3], 5)
    same = np.full((20, 3), 0.123, "float32")
    # The probability of one of the 4 of its class among the first k of 19 in random order.
    assert recall((ids, same)) == pytest.approx(4 / 19)
    assert recall((ids, same), k=2) == pytest.approx(1 - 15 / 19 * 14 / 18)
    assert recall((ids, same), k=16) == 1.0
    assert recall((ids, same), distance="cosine") == pytest.approx(4 / 19)
    assert recall((ids, 0 * same), distance="cosine") == pytest.approx(4 / 19)


def test_a_tie_counts_half_by_hand():
    # From 0, an example of its class and one of the other class are equally near.
    places = np.array([[0.0], [1.0], [-1.0], [-50.0]])
    metric = RecallAtK()
    metric.update_state([0, 0, 1, 1], places)
    # 0: 1/2; 1: nearest is 0, right; -1: nearest is 0, wrong; -50: nearest is -1, right.
    assert float(metric.result()) == pytest.approx((0.5 + 1 + 0 + 1) / 4)


def test_duplicates_far_from_the_origin_tie_exactly():
    rng = np.random.default_rng(0)
    base = (1000 + rng.normal(size=(50, 64))).astype("float32")
    ids = np.concatenate([np.arange(50), np.arange(50), 50 + np.arange(50)])
    # Each point three times, the third in a class that occurs once: half of the queries find their class.
    assert recall((ids, np.concatenate([base] * 3))) == pytest.approx(0.5)


def test_examples_alone_in_their_class_are_not_queries():
    embeddings = np.array([[0.0], [0.1], [5.0], [9.0]])
    assert recall(([7, 7, 8, 9], embeddings)) == 1.0
    # As a neighbor it still counts.
    assert recall(([7, 8, 7, 9], embeddings)) == 0.0
    assert recall((np.arange(4), embeddings)) == 0.0


def test_without_updates_and_with_one_example_it_is_zero():
    assert float(RecallAtK().result()) == 0.0
    assert recall(([3], np.ones((1, 4)))) == 0.0
    assert recall((np.zeros(0, "int32"), np.zeros((0, 4)))) == 0.0


def test_many_embeddings_fill_several_tables():
    dim = 1000
    half = TABLE_NUMBERS // dim - 40
    ids, embeddings = points(4, 2 * half, 30, dim)
    metric = RecallAtK()
    metric.update_state(ids[:half], embeddings[:half])
    assert len(metric.embeddings) == 1
    metric.update_state(ids[half:], embeddings[half:])
    assert len(metric.embeddings) == 2 and len(metric.class_ids) == 1
    assert float(metric.result()) == pytest.approx(script(ids, embeddings, 1), abs=1e-6)
    metric.reset_state()
    assert float(metric.result()) == 0.0
    metric.update_state(IDS, EMBEDDINGS)
    assert float(metric.result()) == pytest.approx(script(IDS, EMBEDDINGS, 1), abs=1e-6)


def test_distances_are_computed_in_chunks(monkeypatch):
    monkeypatch.setattr("keras_cnn_zoo.metrics.recall_at_k.CHUNK_NUMBERS", 7 * len(IDS))
    assert recall((IDS, EMBEDDINGS), k=3) == pytest.approx(script(IDS, EMBEDDINGS, 3), abs=1e-6)


def test_accepts_tensors():
    ids, embeddings = keras.ops.convert_to_tensor(IDS), keras.ops.cast(EMBEDDINGS, "bfloat16")
    rounded = keras.ops.convert_to_numpy(keras.ops.cast(embeddings, "float32"))
    metric = RecallAtK()
    metric.update_state(ids, keras.ops.cast(embeddings, "float32"))
    assert float(metric.result()) == pytest.approx(script(IDS, rounded, 1), abs=1e-6)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"k": 0}, "`k` must be a positive integer. Received: k=0"),
        ({"separate_gallery": 1}, "`separate_gallery` must be True or False. Received: separate_gallery=1"),
        ({"distance": "l1"}, "`distance` must be one of 'euclidean', 'cosine'. Received: distance='l1'"),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        RecallAtK(**arguments)


@pytest.mark.parametrize(
    "updates, message",
    [
        ([([0, 1], np.zeros((3, 2)))], r"`y_true` must be \(batch,\) or .* Received: \(2,\) and \(3, 2\)"),
        ([([0, 1], np.zeros(2))], "`y_true` must be"),
        ([([0.5, 1], np.zeros((2, 2)))], r"integer class ids from -2\^31 to 2\^31 - 1. Received: \[0.5"),
        ([([2**31, 1], np.zeros((2, 2)))], r"ids from -2\^31 to 2\^31 - 1. Received: \[2147483648, 1\]"),
        ([([np.nan, 1], np.zeros((2, 2)))], "`y_true` must contain integer class ids"),
        ([(["a", "b"], np.zeros((2, 2)))], "`y_true` must contain integer class ids"),
        ([([0, 1], [[np.nan], [1]])], "`y_pred` must be finite"),
        ([([0], np.zeros((1, 2))), ([0], np.zeros((1, 3)))], "the same dim .* so far 2. Received: .*3"),
        ([([0], np.zeros((1, 2)), [1.0])], "`sample_weight` must be None"),
    ],
)
def test_refuses_other_embeddings(updates, message):
    with pytest.raises(ValueError, match=message):
        recall(*updates)
