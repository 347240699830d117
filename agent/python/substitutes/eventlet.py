"""What sensors use most of `eventlet`, by threads. Hidden by an installed `eventlet`."""

import time
from concurrent.futures import ThreadPoolExecutor, wait

__all__ = ["GreenPool", "monkey_patch", "sleep", "spawn", "spawn_n"]


def monkey_patch(**_what):
    """Nothing to do: threads wait for each other without it."""


def sleep(seconds=0):
    time.sleep(seconds)


class _Running(object):
    """What `spawn` gives: wait() answers what the function returned, or raises what it raised."""

    def __init__(self, future):
        self._future = future

    def wait(self):
        return self._future.result()

    def kill(self, *_error):
        """One that has not begun does not begin; a thread that runs cannot be ended."""
        self._future.cancel()


class GreenPool(object):
    """At most `size` functions at a time."""

    def __init__(self, size=1000):
        self.size = size
        # Threads are dearer than eventlet's own: more than these at a time wait.
        self._pool = ThreadPoolExecutor(max_workers=max(1, min(size, 64)))
        self._futures = set()

    def spawn(self, function, *args, **kwargs):
        future = self._pool.submit(function, *args, **kwargs)
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        return _Running(future)

    def spawn_n(self, function, *args, **kwargs):
        self.spawn(function, *args, **kwargs)

    def imap(self, function, *iterables):
        return self._pool.map(function, *iterables)

    def waitall(self):
        wait(list(self._futures))

    def running(self):
        return len(self._futures)

    def free(self):
        return max(0, self.size - len(self._futures))


_pool = None


def spawn(function, *args, **kwargs):
    global _pool
    if _pool is None:
        _pool = GreenPool()
    return _pool.spawn(function, *args, **kwargs)


def spawn_n(function, *args, **kwargs):
    spawn(function, *args, **kwargs)


def __getattr__(name):
    raise AttributeError("this substitute of eventlet has no %s: list eventlet in requirements.txt" % name)
