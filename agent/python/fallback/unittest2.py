"""Packs of Python 2's days import `unittest2`; it is `unittest` now. Hidden by an installed `unittest2`."""

from unittest import *  # noqa: F401,F403
