"""The service object that every sensor gets (st2 docs, Sensors)."""

import logging
import threading

from st2common.key_value_pair import KeyValuePair
from st2reactor.container.encoding import encode

# The hub's key is lost or another one, or the value was changed.
UNREADABLE = ("KEY_FILE", "KEY_UNREADABLE")


class SensorRefused(Exception):
    """The agent answered a datastore call with an error."""

    def __init__(self, code, message):
        super(SensorRefused, self).__init__("%s: %s" % (code, message))
        self.code = code


class SensorService(object):
    """What a sensor may ask of Petrel (st2 docs, Sensors); it is the sensor's `sensor_service`."""

    def __init__(self, channel, start):
        self._channel = channel
        self._sensor = start["sensor"]
        self._window = int(start.get("window") or 1024)
        # Never held while writing to the agent: the listening thread needs it to read on.
        self._changed = threading.Condition()
        # Numbering and sending a dispatch are one step: the agent takes only increasing numbers.
        self._order = threading.RLock()
        self._last_id = 0
        self._accepted = 0
        self._last_request = 0
        self._answers = {}
        self._gone = False

    # the author's side

    def get_logger(self, name):
        """A logger whose lines appear in the agent's log."""
        logger = logging.getLogger("SensorWrapper.%s.%s" % (self._sensor, name))
        logger.setLevel(logging.DEBUG)
        return logger

    def dispatch(self, trigger, payload=None, trace_tag=None, key=None, set=None):
        """
        Hands a trigger to the agent. Returns its number, usually at once; waits while 1,024 are not yet on the
        agent's disk. `key` names the occurrence and `set` writes datastore values together with the trigger
        (docs/sensor-protocol.md).
        """
        if isinstance(trigger, dict):
            trigger = trigger.get("ref") or trigger.get("type")
        message = {"op": "dispatch", "trigger": trigger, "payload": payload}
        if trace_tag is not None:
            message["trace_tag"] = str(trace_tag)
        if key is not None:
            message["key"] = str(key)
        if set is not None:
            message["set"] = {
                name: None if value is None else str(value) for name, value in set.items()
            }
        line = encode(message)
        with self._order:
            with self._changed:
                while self._last_id - self._accepted >= self._window and not self._gone:
                    self._changed.wait()
                self._last_id += 1
                number = self._last_id
            self._channel.send_encoded(b'{"id": %d, %s' % (number, line[1:]))
        return number

    def dispatch_with_context(self, trigger, payload=None, trace_context=None):
        """`dispatch` with a trace context: an object or a dict with a `trace_tag`."""
        if isinstance(trace_context, dict):
            tag = trace_context.get("trace_tag")
        else:
            tag = getattr(trace_context, "trace_tag", None)
        return self.dispatch(trigger, payload=payload, trace_tag=tag)

    def wait_accepted(self, timeout=None):
        """Waits until every dispatch so far is on the agent's disk. False when `timeout` seconds were too few."""
        with self._changed:
            wanted = self._last_id
            return self._changed.wait_for(lambda: self._accepted >= wanted, timeout)

    def checkpoint(self, up_to=None, earlier=False):
        """Keys of dispatches up to number `up_to` (default: all accepted ones) will not be repeated."""
        with self._changed:
            limit = self._accepted if up_to is None else up_to
        self._channel.send({"op": "checkpoint", "upTo": limit, "earlier": bool(earlier)})

    def get_user_info(self):
        """Sensors run on behalf of the system user."""
        return {
            "username": "petrel",
            "authentication": {"method": "none", "location": "agent"},
            "rbac": {"enabled": False, "roles": [], "is_admin": False},
        }

    def list_values(self, local=True, prefix=None, limit=None, offset=None):
        found = self._ask(
            {
                "op": "list_values",
                "local": bool(local),
                "prefix": prefix,
                "limit": limit,
                "offset": offset,
            }
        )
        # StackStorm's names of local values carry their owner.
        owner = "%s:" % self._sensor if local else ""
        return [
            KeyValuePair(owner + pair["name"], pair["value"], bool(pair.get("secret"))) for pair in found or []
        ]

    def get_value(self, name, local=True, scope="system", decrypt=False):
        """
        The value's text, or None; StackStorm's sensors expect None for every failure. But a secret that cannot be
        decrypted is not one that is missing.
        """
        self._only_system(scope)
        try:
            return self._ask(
                {"op": "get_value", "name": name, "local": bool(local), "decrypt": bool(decrypt)}
            )
        except SensorRefused as error:
            if error.code in UNREADABLE:
                raise
            logging.getLogger("petrel").warning("get_value(%r): %s", name, error)
            return None

    def set_value(self, name, value, ttl=None, local=True, scope="system", encrypt=False):
        """True once the value is on disk; the value is stored as text. Raises SensorRefused otherwise."""
        self._only_system(scope)
        self._ask(
            {
                "op": "set_value",
                "name": name,
                "value": str(value),
                "ttl": ttl,
                "local": bool(local),
                "encrypt": bool(encrypt),
            }
        )
        return True

    def delete_value(self, name, local=True, scope="system"):
        """True if there was such a value."""
        self._only_system(scope)
        return bool(self._ask({"op": "delete_value", "name": name, "local": bool(local)}))

    @staticmethod
    def _only_system(scope):
        if scope not in ("system", "st2kv.system"):
            raise ValueError("sensors see the datastore's system scope only, not %r" % (scope,))

    def _ask(self, message):
        with self._changed:
            self._last_request += 1
            request = self._last_request
        # The number first: a call that is too long to be read is then refused by it.
        self._channel.send(dict({"request": request}, **message))
        with self._changed:
            while request not in self._answers:
                if self._gone:
                    raise SensorRefused("LINK_CLOSED", "the agent has gone")
                self._changed.wait()
            answer = self._answers.pop(request)
        if "error" in answer:
            raise SensorRefused(answer["error"].get("code"), answer["error"].get("message"))
        return answer.get("value")

    # the agent's side, called by the receiving thread

    def take(self, message):
        with self._changed:
            if message["op"] == "accepted":
                self._accepted = max(self._accepted, int(message.get("upTo") or 0))
            elif message["op"] == "value":
                self._answers[message.get("request")] = message
            self._changed.notify_all()

    def agent_gone(self):
        with self._changed:
            self._gone = True
            self._changed.notify_all()
