"""Python values as JSON text for the sensor protocol."""

import base64
import datetime
import json
import math

MAX_DEPTH = 100


def plain(value, depth=0):
    """The value as JSON data: what JSON cannot say becomes text, so that no payload is lost for its types."""
    if depth > MAX_DEPTH:
        raise ValueError("a payload is nested more than %d levels or holds itself" % MAX_DEPTH)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(key): plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner, depth + 1) for inner in value]
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        try:
            return bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            return base64.b64encode(bytes(value)).decode("ascii")
    return str(value)


def encode(message):
    """JSON in ASCII only, so that neither locale nor odd file names can break the line."""
    try:
        text = json.dumps(message, allow_nan=False)
    except (TypeError, ValueError):
        text = json.dumps(plain(message), allow_nan=False)
    return text.encode("ascii")
