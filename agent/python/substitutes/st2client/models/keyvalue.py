"""One key of the datastore."""


class KeyValuePair(object):
    """Has the attributes of StackStorm's own."""

    def __init__(self, name=None, value=None, scope="system", secret=False, ttl=None, id=None, **others):
        self.id = name if id is None else id
        self.name = name
        self.value = value
        self.scope = scope
        self.secret = secret
        self.encrypted = secret
        self.ttl = ttl
        self.description = others.get("description")
        self.user = others.get("user")
