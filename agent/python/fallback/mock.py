"""Packs of Python 2's days import `mock`; it is `unittest.mock` now. Hidden by an installed `mock`."""

from unittest.mock import *  # noqa: F401,F403
