"""Runs one Python sensor of a pack in this process and speaks Petrel's sensor protocol for it."""

import atexit
import importlib.util
import json
import logging
import os
import queue
import signal
import sys
import threading
import traceback

import petrel_imports
from st2reactor.container.encoding import encode
from st2reactor.container.sensor_wrapper import SensorService

EOF_GRACE_SECONDS = 1.5


class SensorStopped(BaseException):
    """Leads the main thread out of the author's code; not an Exception, so that `except Exception` lets it pass."""


class Channel(object):
    """The protocol's two streams, moved away from the descriptors that authors and their children print to."""

    def __init__(self):
        self._lines = os.fdopen(os.dup(0), "rb")
        self._out = os.dup(1)
        self._lock = threading.RLock()
        self._broken_line = False
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")

    def receive(self):
        """The next message; None at the end, which means that the agent has gone."""
        for line in iter(self._lines.readline, b""):
            try:
                message = json.loads(line.decode("utf-8"))
            except ValueError:
                continue
            if isinstance(message, dict):
                return message
        return None

    def send(self, message):
        self.send_encoded(encode(message))

    def send_encoded(self, line):
        rest = line + b"\n"
        with self._lock:
            if self._broken_line:
                # A stop cut the line before this one short; an empty line does no harm.
                rest = b"\n" + rest
            self._broken_line = True
            try:
                while rest:
                    rest = rest[os.write(self._out, rest):]
            except BrokenPipeError:
                # The agent has gone: the listening thread sees the same and ends the sensor.
                return
            self._broken_line = False


class ProtocolLogHandler(logging.Handler):
    """Python's logging as `log` messages."""

    LEVELS = ((logging.ERROR, "error"), (logging.WARNING, "warn"), (logging.INFO, "info"))

    def __init__(self, channel):
        super(ProtocolLogHandler, self).__init__()
        self._channel = channel

    def emit(self, record):
        level = next((name for least, name in self.LEVELS if record.levelno >= least), "debug")
        try:
            text = self.format(record)
        except Exception:
            self.handleError(record)
            return
        self._channel.send({"op": "log", "level": level, "logger": record.name[-256:], "message": text})


class Runtime(object):
    """The life of the sensor: the main thread is the author's, a second one listens to the agent."""

    def __init__(self, channel):
        self._channel = channel
        self._ended = threading.Event()
        self._interruptible = True
        self._triggers = queue.Queue()
        self._questions = queue.Queue()
        self._sensor = None
        self._service = None

    def run(self):
        """The exit code."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._on_sigterm)
        code = 0
        try:
            try:
                self._live()
            finally:
                # From here on a signal must not interrupt what cleans up.
                self._interruptible = False
        except SensorStopped:
            pass
        except BaseException as error:  # an author's sys.exit() is an ending like any other
            code = self._report(error, "SENSOR_EXITED")
        if self._sensor is not None and hasattr(self._sensor, "cleanup"):
            try:
                self._sensor.cleanup()
            except SensorStopped:
                pass
            except BaseException as error:
                if code == 0:
                    code = self._report(error, "SENSOR_EXITED")
                else:
                    # Why it ended has been told: what was never set up cannot be cleaned up either.
                    logging.getLogger("petrel").exception("cleanup() of the sensor failed, too")
        self._ended.set()
        return code

    def _live(self):
        start = self._channel.receive()
        if start is None or start.get("op") != "start":
            return
        self._service = SensorService(self._channel, start)
        petrel_imports.set_up()
        petrel_imports.use_service(self._service)
        threading.Thread(target=self._listen, name="petrel-listen", daemon=True).start()
        try:
            self._sensor = self._load(start)
        except Exception as error:
            self._report(error, "SENSOR_INVALID")
            raise SystemExit(1)
        if hasattr(self._sensor, "setup"):
            self._sensor.setup()
        for trigger in start.get("triggers") or []:
            self._call_trigger("add_trigger", trigger)
        threading.Thread(target=self._follow_triggers, name="petrel-triggers", daemon=True).start()
        threading.Thread(target=self._follow_questions, name="petrel-questions", daemon=True).start()
        self._channel.send({"op": "ready"})
        self._sensor.run()

    def _load(self, start):
        path = start["entry_point"]
        pack = start["pack_folder"]
        # Behind everything else, as in StackStorm: a pack's module never hides an installed one.
        for folder in (os.path.dirname(path), os.path.join(pack, "sensors"), os.path.join(pack, "lib")):
            if folder not in sys.path:
                sys.path.append(folder)
        name = os.path.splitext(os.path.basename(path))[0]
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError("%s is no Python file" % path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        cls = getattr(module, start["class_name"], None)
        if not isinstance(cls, type):
            raise ImportError("%s defines no class %s" % (path, start["class_name"]))
        options = {"sensor_service": self._service, "config": start.get("config") or {}}
        interval = start.get("poll_interval")
        if interval is not None and hasattr(cls, "set_poll_interval"):
            whole = float(interval).is_integer()
            options["poll_interval"] = int(interval) if whole else float(interval)
        return cls(**options)

    def _listen(self):
        while True:
            message = self._channel.receive()
            if message is None:
                break
            op = message.get("op")
            if op in ("accepted", "value"):
                self._service.take(message)
            elif op in ("add_trigger", "update_trigger", "remove_trigger"):
                self._triggers.put(message)
            elif op == "ask":
                self._questions.put(message)
            elif op == "stop":
                # Goes on listening: cleanup() may still want to store values.
                self._end_within(max(0.5, float(message.get("grace_seconds") or 5) - 0.5))
        self._service.agent_gone()
        self._end_within(EOF_GRACE_SECONDS)

    def _end_within(self, seconds):
        threading.Thread(target=self._watch_end, args=(seconds,), daemon=True).start()
        # To the main thread and no other, so that whatever call it waits in is interrupted.
        signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)

    def _watch_end(self, seconds):
        if not self._ended.wait(seconds):
            # The author's code does not let go (it waits in C, or caught what it should not): end regardless.
            os._exit(1)

    def _on_sigterm(self, _number, _frame):
        if self._interruptible:
            self._interruptible = False
            raise SensorStopped()

    def _follow_triggers(self):
        while True:
            message = self._triggers.get()
            self._call_trigger(message["op"], message.get("trigger"))

    def _call_trigger(self, method, trigger):
        try:
            getattr(self._sensor, method, lambda _: None)(trigger)
        except Exception:
            logging.getLogger("petrel").exception("%s() of the sensor failed", method)

    def _follow_questions(self):
        while True:
            message = self._questions.get()
            answer = {"op": "answer", "request": message.get("request")}
            try:
                line = encode(dict(answer, **self._answer(message)))
            except Exception as error:
                logging.getLogger("petrel").exception("ask() of the sensor failed")
                text = "%s: %s" % (type(error).__name__, error)
                line = encode(dict(answer, error={"code": "SENSOR_ASK_FAILED", "message": text[:4096]}))
            self._channel.send_encoded(line)

    def _answer(self, message):
        question = message.get("question")
        method = getattr(self._sensor, "ask", None)
        value = None if method is None else method(question, message.get("arguments") or {})
        if value is None:
            text = "this sensor knows no question '%s'" % question
            return {"error": {"code": "SENSOR_ASK_UNKNOWN", "message": text}}
        return {"value": value}

    def _report(self, error, code):
        if isinstance(error, SystemExit) and not isinstance(error.code, str):
            return int(error.code or 0)
        detail = traceback.format_exc()
        text = "%s: %s" % (type(error).__name__, error)
        self._channel.send({"op": "error", "code": code, "message": text, "detail": detail[-8192:]})
        return 1


def main():
    # Behind everything else: what is installed comes first.
    sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "fallback"))
    channel = Channel()
    handler = ProtocolLogHandler(channel)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    code = Runtime(channel).run()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that the author left behind must not keep an ended sensor alive.
    os._exit(code)


if __name__ == "__main__":
    main()
