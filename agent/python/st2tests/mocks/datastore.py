"""A datastore in memory, for tests."""

from st2common.key_value_pair import KeyValuePair

__all__ = ["MockDatastoreService"]


class MockDatastoreService(object):
    """Keeps what is set for as long as the test lives; nothing expires."""

    def __init__(self, logger, pack_name, class_name, api_username=None):
        self._logger = logger
        self._owner = "%s.%s" % (pack_name, class_name)
        self._username = api_username or "admin"
        self._datastore_items = {}

    def get_user_info(self):
        return {
            "username": self._username,
            "rbac": {"is_admin": True, "enabled": True, "roles": ["admin"]},
            "authentication": {"method": "authentication token", "location": "header"},
        }

    def list_values(self, local=True, prefix=None, limit=None, offset=None):
        start = self._name(prefix or "", local)
        found = [pair for name, pair in self._datastore_items.items() if name.startswith(start)]
        first = offset or 0
        return found[first:] if limit is None else found[first:first + limit]

    def get_value(self, name, local=True, scope="system", decrypt=False):
        pair = self._datastore_items.get(self._name(name, local))
        return None if pair is None else pair.value

    def set_value(self, name, value, ttl=None, local=True, scope="system", encrypt=False):
        full = self._name(name, local)
        self._datastore_items[full] = KeyValuePair(full, value, ttl)
        return True

    def delete_value(self, name, local=True, scope="system"):
        return self._datastore_items.pop(self._name(name, local), None) is not None

    def _name(self, name, local):
        return "%s:%s" % (self._owner, name) if local else name
