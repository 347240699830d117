"""Loggers under the name that StackStorm gives them; the process's wrapper decides where their lines go."""

import logging as _logging

__all__ = ["getLogger"]


def getLogger(name):
    """A logger of Python's own, below `st2`."""
    return _logging.getLogger(name if name == "st2" or name.startswith("st2.") else "st2.%s" % name)
