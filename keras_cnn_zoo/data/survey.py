"""Looking at every example once, in parallel, before any is used."""

import concurrent.futures
import os

from keras_cnn_zoo.utils.errors import InputError


def survey(items, look, *, skip_bad):
    """Applies `look` to every item.

    Args:
        items: Sequence of items, the first element of each being its name.
        look: Function of one item that raises `InputError` where the item cannot be used.
        skip_bad: Leave such items out instead of raising the first error.

    Returns:
        The items kept, what `look` returned for each of them, and a list of lines "name: reason" for
        those left out; a reason that begins with the name stands alone.
    """

    def attempt(item):
        try:
            return look(item), None
        except InputError as error:
            if skip_bad:
                return None, error
            raise

    with concurrent.futures.ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        outcomes = list(pool.map(attempt, items))
    good = [(item, result) for item, (result, error) in zip(items, outcomes, strict=True) if error is None]
    faults = [(str(item[0]), str(error)) for item, (_, error) in zip(items, outcomes, strict=True) if error]
    skipped = [fault if fault.startswith(name) else f"{name}: {fault}" for name, fault in faults]
    return [item for item, _ in good], [result for _, result in good], skipped
