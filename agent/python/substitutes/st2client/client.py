"""`Client` as packs use it: it asks the hub through the agent that runs the pack; addresses and keys are not needed."""

import petrel_imports
from st2client.models.keyvalue import KeyValuePair

__all__ = ["Client"]


def _checked(scope):
    if scope not in (None, "system", "st2kv.system", "all"):
        raise ValueError("only keys of the scope 'system' can be reached, not %r" % (scope,))


def _wants(given, params, name, otherwise=None):
    """An option that StackStorm takes by name or among `params`; texts stand for truths there."""
    value = given.get(name, (params or {}).get(name, otherwise))
    return value not in (False, "false", "0") if name == "decrypt" and value is not None else value


class KeyManager(object):
    """Keys of the datastore's system scope (st2 docs, Datastore)."""

    def get_by_name(self, name, params=None, **given):
        """The key, or None."""
        _checked(_wants(given, params, "scope"))
        decrypt = bool(_wants(given, params, "decrypt"))
        value = petrel_imports.service().get_value(name, local=False, decrypt=decrypt)
        return None if value is None else KeyValuePair(name=name, value=value)

    def get_by_id(self, id, params=None, **given):
        return self.get_by_name(id, params=params, **given)

    def get_all(self, params=None, **given):
        _checked(_wants(given, params, "scope"))
        found = petrel_imports.service().list_values(
            local=False, prefix=_wants(given, params, "prefix"), limit=_wants(given, params, "limit")
        )
        return [KeyValuePair(name=pair.name, value=pair.value, secret=pair.secret) for pair in found]

    def query(self, name=None, params=None, **given):
        if name is None:
            return self.get_all(params=params, **given)
        found = self.get_by_name(name, params=params, **given)
        return [] if found is None else [found]

    def update(self, instance, **_given):
        """Sets the key, also one that is not there yet; answers it."""
        _checked(instance.scope)
        petrel_imports.service().set_value(
            instance.name, instance.value, ttl=instance.ttl, local=False, encrypt=bool(instance.secret)
        )
        return instance

    create = update

    def delete(self, instance, **_given):
        """True when there was such a key."""
        _checked(instance.scope)
        return petrel_imports.service().delete_value(instance.name, local=False)

    def delete_by_id(self, instance_id, **given):
        return self.delete(KeyValuePair(name=instance_id), **given)


class Client(object):
    """Takes what StackStorm's takes: addresses, token, key; none of it is looked at."""

    def __init__(self, *_args, **_kwargs):
        self.keys = KeyManager()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotImplementedError(
            "st2client's Client has only `keys` here, not `%s`; call the hub's HTTP API for that" % name
        )
