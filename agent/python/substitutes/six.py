"""What packs that ran on Python 2 and 3 use most of `six`. Hidden by an installed `six`."""

import io
import sys
import types

PY2 = False
PY3 = True
string_types = (str,)
integer_types = (int,)
class_types = (type,)
text_type = str
binary_type = bytes
MAXSIZE = sys.maxsize
StringIO = io.StringIO
BytesIO = io.BytesIO
advance_iterator = next


def b(text):
    return text.encode("latin-1")


def u(text):
    return text


def iteritems(mapping):
    return iter(mapping.items())


def iterkeys(mapping):
    return iter(mapping.keys())


def itervalues(mapping):
    return iter(mapping.values())


def ensure_str(text, encoding="utf-8", errors="strict"):
    return text.decode(encoding, errors) if isinstance(text, bytes) else text


ensure_text = ensure_str


def ensure_binary(text, encoding="utf-8", errors="strict"):
    return text.encode(encoding, errors) if isinstance(text, str) else text


def reraise(_type, value, traceback=None):
    raise value.with_traceback(traceback)


def raise_from(value, cause):
    raise value from cause


def add_metaclass(metaclass):
    """The class again, made by `metaclass`."""

    def again(cls):
        body = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
        return metaclass(cls.__name__, cls.__bases__, body)

    return again


def with_metaclass(metaclass, *bases):
    return metaclass("bases", bases or (object,), {})


# Where Python 3 keeps what had other names before.
_MOVED = {
    "configparser": "configparser",
    "http_client": "http.client",
    "http_cookies": "http.cookies",
    "queue": "queue",
    "cPickle": "pickle",
    "urllib": "urllib",
    "urllib.parse": "urllib.parse",
    "urllib.request": "urllib.request",
    "urllib.error": "urllib.error",
}


class _Moves(types.ModuleType):
    """Loads what is asked for, and only that."""

    __path__ = []
    range = xrange = range
    zip = zip
    map = map
    filter = filter
    input = input
    StringIO = io.StringIO

    def __getattr__(self, name):
        if name == "reduce":
            from functools import reduce

            return reduce
        if name in ("reload_module", "zip_longest"):
            import importlib
            import itertools

            return importlib.reload if name == "reload_module" else itertools.zip_longest
        if name not in _MOVED:
            raise AttributeError("this substitute of six has no six.moves.%s: list six in requirements.txt" % name)
        return _module(_MOVED[name])


def _module(name):
    import importlib

    return importlib.import_module(name)


moves = sys.modules[__name__ + ".moves"] = _Moves(__name__ + ".moves")
for _name in ("urllib", "urllib.parse", "urllib.request", "urllib.error"):
    sys.modules["%s.moves.%s" % (__name__, _name)] = _module(_MOVED[_name])


def __getattr__(name):
    raise AttributeError("this substitute of six has no %s: list six in requirements.txt" % name)
