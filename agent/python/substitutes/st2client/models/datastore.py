"""`KeyValuePair` where packs of 2016 look for it."""

from st2client.models.keyvalue import KeyValuePair

__all__ = ["KeyValuePair"]
