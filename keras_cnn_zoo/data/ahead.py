"""Reads ahead in threads: what comes next is decoded while the model works."""

import collections
import concurrent.futures


def in_order(read, items, *, ahead=16, workers=2):
    """Yields `read(item)` of each item in order, at most `ahead` of them read before they are asked for.

    An error of `read` is raised in its turn, after the values before it.

    Args:
        read: thread-safe function of one item.
        items: iterable.
        ahead: number of values that may wait.
        workers: number of threads.
    """
    waiting = collections.deque()
    with concurrent.futures.ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(read, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # The consumer stopped early: what is not started is not read.
            for future in waiting:
                future.cancel()
