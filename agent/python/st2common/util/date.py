"""Instants in UTC."""

import datetime

__all__ = ["add_utc_tz", "convert_to_utc", "get_datetime_utc_now"]


def get_datetime_utc_now():
    return datetime.datetime.now(datetime.timezone.utc)


def add_utc_tz(dt):
    """The same figures, called UTC."""
    return dt if dt.tzinfo is not None else dt.replace(tzinfo=datetime.timezone.utc)


def convert_to_utc(dt):
    """The same instant; what has no zone is taken as UTC."""
    return add_utc_tz(dt).astimezone(datetime.timezone.utc)
