"""Instants as RFC 3339 texts."""

import datetime
import re

from st2common.util.date import convert_to_utc

__all__ = ["format", "parse", "validate"]

_FORM = re.compile(
    r"^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?(Z|[+-]\d{2}(?::?\d{2})?)?$"
)


def format(dt, usec=True, offset=True):
    """2026-01-31T12:00:00.000000Z, or with `offset` `+00:00` at its end; `dt`: a datetime, or a number of milliseconds."""
    if isinstance(dt, (int, float)):
        dt = datetime.datetime.fromtimestamp(dt / 1000.0, datetime.timezone.utc)
    text = convert_to_utc(dt).strftime("%Y-%m-%dT%H:%M:%S.%f" if usec else "%Y-%m-%dT%H:%M:%S")
    return text + ("+00:00" if offset else "Z")


def validate(value, raise_exception=True):
    """True for a text that `parse` takes; otherwise ValueError, or False."""
    if isinstance(value, (datetime.datetime, str)) and (not isinstance(value, str) or _FORM.match(value)):
        return True
    if raise_exception:
        raise ValueError('Invalid datetime "%s"; write 2026-01-31T12:00:00Z' % (value,))
    return False


def parse(value, preserve_original_tz=False):
    """A datetime with its zone, by default in UTC."""
    validate(value)
    day, clock, fraction, zone = _FORM.match(value.replace(" ", "T")).groups()
    digits = re.sub(r"\D", "", zone or "").ljust(4, "0")
    offset = "+00:00" if zone in (None, "Z") else "%s%s:%s" % (zone[0], digits[:2], digits[2:])
    text = "%sT%s.%s%s" % (day, clock, (fraction or "").ljust(6, "0"), offset)
    dt = datetime.datetime.fromisoformat(text)
    if dt.tzinfo is None or not preserve_original_tz:
        dt = convert_to_utc(dt)
    return dt
