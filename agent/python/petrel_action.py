"""Runs one Python action of a pack in this process: waits at its gate, loads the code, runs it, reports."""

import base64
import decimal
import importlib.util
import inspect
import json
import logging
import math
import os
import sys
import threading
import traceback

import petrel_imports
from st2common.key_value_pair import KeyValuePair

MESSAGES_IN = 3
MESSAGES_OUT = 4
# StackStorm's exit code for a pair whose first half is no bool.
INVALID_STATUS_EXIT_CODE = 220
GATE_CLOSED_EXIT_CODE = 125
MAX_DEPTH = 100
# What JSON readers with doubles hold without losing a digit.
MAX_SAFE_INTEGER = 2**53 - 1
LEVELS = {
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARNING": logging.WARNING,
    "ERROR": logging.ERROR,
    "CRITICAL": logging.CRITICAL,
    # StackStorm's own, above all others.
    "AUDIT": logging.CRITICAL + 10,
}


class Channel(object):
    """Lines of JSON to and from the agent, apart from what the author prints."""

    def __init__(self):
        for descriptor in (MESSAGES_IN, MESSAGES_OUT):
            # Programs the action starts must neither read its answers nor hold its report open.
            os.set_inheritable(descriptor, False)
        self._in = os.fdopen(MESSAGES_IN, "rb")
        self._lock = threading.Lock()
        self._requests = 0

    def start(self):
        """The message that opens the gate; None when the agent went before this start was on its disk."""
        line = self._in.readline()
        return json.loads(line.decode("utf-8")) if line.endswith(b"\n") else None

    def send(self, message):
        rest = json.dumps(message, allow_nan=False).encode("ascii") + b"\n"
        while rest:
            rest = rest[os.write(MESSAGES_OUT, rest):]

    def ask(self, call):
        """The agent's answer to a datastore call; raises what it answered as an error."""
        with self._lock:
            self._requests += 1
            self.send(dict(call, request=self._requests))
            line = self._in.readline()
        if not line.endswith(b"\n"):
            raise DatastoreError("LINK_CLOSED", "the agent has gone")
        answer = json.loads(line.decode("utf-8"))
        if "error" in answer:
            raise DatastoreError(answer["error"]["code"], answer["error"]["message"])
        return answer.get("value")


# The hub's key is lost or another one, or the value was changed.
UNREADABLE = ("KEY_FILE", "KEY_UNREADABLE")


class DatastoreError(Exception):
    """The agent could not do what a datastore call asked for."""

    def __init__(self, code, message):
        super(DatastoreError, self).__init__("%s: %s" % (code, message))
        self.code = code


def key_value_pair(owner, pair):
    return KeyValuePair(owner + pair["name"], pair["value"], bool(pair.get("secret")))


class ActionService(object):
    """What an action may ask of Petrel; it is the action's `action_service` (st2 docs, Action Runners)."""

    def __init__(self, channel, logger, owner):
        self._channel = channel
        self._logger = logger
        self._owner = owner
        # StackStorm's name for the same methods.
        self.datastore_service = self

    def get_user_info(self):
        """Actions run on behalf of the system user."""
        return {
            "username": "petrel",
            "authentication": {"method": "none", "location": "agent"},
            "rbac": {"enabled": False, "roles": [], "is_admin": False},
        }

    def get_logger(self, name):
        return self._logger.getChild(name)

    def get_value(self, name, local=True, scope="system", decrypt=False):
        """
        The value as text, or None; any error reads as None, as in StackStorm, but one: a secret that cannot be
        decrypted is not one that is missing.
        """
        check_scope(scope)
        try:
            return self._channel.ask({"op": "get_value", "name": name, "local": local, "decrypt": decrypt})
        except DatastoreError as error:
            if error.code in UNREADABLE:
                raise
            self._logger.warning("get_value(%s): %s", name, error)
            return None

    def set_value(self, name, value, ttl=None, local=True, scope="system", encrypt=False):
        """Stores the value as text; with `ttl`, for so many seconds."""
        check_scope(scope)
        call = {"op": "set_value", "name": name, "value": str(value), "local": local, "encrypt": encrypt}
        self._channel.ask(call if ttl is None else dict(call, ttl=ttl))
        return True

    def list_values(self, local=True, prefix=None, limit=None, offset=0):
        call = {"op": "list_values", "local": local, "prefix": prefix, "limit": limit, "offset": offset}
        # StackStorm's names of local values carry their owner.
        owner = "%s:" % self._owner if local else ""
        return [key_value_pair(owner, pair) for pair in self._channel.ask(call) or []]

    def delete_value(self, name, local=True, scope="system"):
        """True when there was such a value."""
        check_scope(scope)
        return bool(self._channel.ask({"op": "delete_value", "name": name, "local": local}))


def check_scope(scope):
    if scope not in ("system", "st2kv.system"):
        raise ValueError("Scope %s is unsupported; only 'system' is there" % scope)


class ActionConfig(dict):
    """The pack's configuration; a missing item says what to do, `get` answers None."""

    def __init__(self, pack, values):
        super(ActionConfig, self).__init__(values)
        self._pack = pack

    def __missing__(self, name):
        raise ValueError(
            "The configuration of pack '%s' has no '%s'; set it with `petrel pack config %s`"
            % (self._pack, name, self._pack)
        )


class Plain(object):
    """Makes JSON data of a result, and remembers whether that took more than copying."""

    def __init__(self):
        self.converted = False

    def of(self, value, depth=0):
        if depth > MAX_DEPTH:
            raise ValueError("the result is nested more than %d levels or holds itself" % MAX_DEPTH)
        if value is None or isinstance(value, (bool, str)):
            return self.text(value) if isinstance(value, str) else value
        if isinstance(value, int):
            return int(value) if abs(value) <= MAX_SAFE_INTEGER else self.marked(str(value))
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else self.marked(str(value))
        if isinstance(value, dict):
            if not all(isinstance(key, str) for key in value):
                self.converted = True
            return {self.text(str(key)): self.of(inner, depth + 1) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.of(inner, depth + 1) for inner in value]
        if isinstance(value, (set, frozenset)):
            return self.marked([self.of(inner, depth + 1) for inner in value])
        if isinstance(value, decimal.Decimal):
            return self.marked(str(value))
        if isinstance(value, (bytes, bytearray)):
            try:
                return self.marked(bytes(value).decode("utf-8"))
            except UnicodeDecodeError:
                return self.marked(base64.b64encode(bytes(value)).decode("ascii"))
        return self.marked(self.text(str(value)))

    def text(self, value):
        """Lone surrogates, as odd file names give them, are no text that could be sent."""
        clean = value.encode("utf-8", "backslashreplace").decode("utf-8")
        return value if clean == value else self.marked(clean)

    def marked(self, value):
        self.converted = True
        return value


def set_up_logging(level):
    """Everything below `st2` goes to standard error, in StackStorm's form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(name)s: %(levelname)-8s %(message)s"))
    root = logging.getLogger("st2")
    root.addHandler(handler)
    root.propagate = False
    root.setLevel(LEVELS.get(level, logging.DEBUG))


def load_action_class(path):
    """The file's first class, by name, that is an action and is defined in it."""
    from st2common.runners.base_action import Action

    sys.path.insert(1, os.path.dirname(path))
    name = "petrel_pack_%s" % os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("%s is no Python file" % path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)

    def is_action(member):
        return inspect.isclass(member) and member.__module__ == name and issubclass(member, Action)

    found = [cls for _, cls in inspect.getmembers(module, is_action) if not inspect.isabstract(cls)]
    if not found:
        raise ImportError("%s defines no class that extends Action" % path)
    # A base class that others of the file extend is not the action itself.
    return next((cls for cls in found if not any(c is not cls and issubclass(c, cls) for c in found)), found[0])


def make_action(cls, config, service):
    """Older actions take the configuration alone."""
    parameters = inspect.signature(cls.__init__).parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    if takes_any or "action_service" in parameters:
        action = cls(config=config, action_service=service)
    else:
        action = cls(config)
    action.action_service = service
    return action


def run(channel, start):
    """The exit code."""
    petrel_imports.set_up()
    cls = load_action_class(start["entry_point"])
    channel.send({"op": "loaded", "class_name": cls.__name__})
    logger = logging.getLogger("st2.actions.python.%s" % cls.__name__)
    config = ActionConfig(start["pack"], start["config"])
    owner = "%s.%s" % (start["pack"], cls.__name__)
    service = ActionService(channel, logger, owner)
    petrel_imports.use_service(service)
    action = make_action(cls, config, service)
    returned = action.run(**start["parameters"])
    status, result = None, returned
    if isinstance(returned, tuple) and len(returned) == 2:
        status, result = returned
        if not isinstance(status, bool):
            message = "the first of the two values that run() returned must be True or False, it was: %r" % (status,)
            sys.stderr.write("%s\n" % message)
            channel.send({"op": "invalid-status", "message": Plain().text(message)})
            return INVALID_STATUS_EXIT_CODE
    plain = Plain()
    report = {"op": "result", "status": status, "result": plain.of(result)}
    if plain.converted:
        report["converted"] = True
    channel.send(report)
    return 0


def main():
    channel = Channel()
    start = channel.start()
    if start is None:
        return GATE_CLOSED_EXIT_CODE
    set_up_logging(start.get("log_level"))
    try:
        return run(channel, start)
    except Exception as error:
        text = Plain().text
        trace = traceback.format_exc()
        sys.stderr.write(trace)
        channel.send(
            {
                "op": "exception",
                "type": type(error).__name__,
                "message": text(str(error)),
                "traceback": text(trace),
            }
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
