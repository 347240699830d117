"""One value of the datastore, as sensors, actions and tests get it from list_values."""


class KeyValuePair(object):
    """Has the attributes of StackStorm's own."""

    def __init__(self, name, value, secret=False, ttl=None):
        self.id = name
        self.name = name
        self.value = value
        self.scope = "st2kv.system"
        self.secret = secret
        self.encrypted = secret
        self.ttl = ttl
