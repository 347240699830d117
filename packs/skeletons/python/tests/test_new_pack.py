"""Run by `python3 -m unittest discover tests` in the pack's folder."""

import os
import sys
import types
import unittest

PACK = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(PACK, "actions"), os.path.join(PACK, "sensors")]


class Base(object):
    """Stands in for the base classes that the agent provides."""

    def __init__(self, sensor_service=None, config=None, poll_interval=None):
        self.sensor_service = sensor_service
        self.config = config or {}


for name, attribute in (("st2reactor.sensor.base", "PollingSensor"), ("st2common.runners.base_action", "Action")):
    steps = name.split(".")
    for end in range(1, len(steps) + 1):
        sys.modules.setdefault(".".join(steps[:end]), types.ModuleType(".".join(steps[:end])))
    setattr(sys.modules[name], attribute, Base)

from note import Note  # noqa: E402
from tick_sensor import TickSensor  # noqa: E402


class MemoryService(object):
    """The values and triggers of one sensor, in memory."""

    def __init__(self):
        self.values = {}
        self.told = []

    def get_logger(self, name):
        return None

    def get_value(self, name):
        return self.values.get(name)

    def set_value(self, name, value):
        self.values[name] = str(value)

    def dispatch(self, trigger, payload):
        self.told.append((trigger, payload))


class TickSensorTest(unittest.TestCase):
    def test_the_count_goes_on_after_a_restart(self):
        service = MemoryService()
        for _ in range(2):
            sensor = TickSensor(sensor_service=service, config={})
            sensor.setup()
            sensor.poll()
        self.assertEqual([payload["count"] for _, payload in service.told], [1, 2])


class NoteTest(unittest.TestCase):
    def test_a_note_begins_with_the_configured_greeting(self):
        note = Note(config={"greeting": "Hi"})
        self.assertEqual(note.run(text="tick 1"), (True, {"note": "Hi, tick 1"}))
        self.assertEqual(note.run(text="")[0], False)


if __name__ == "__main__":
    unittest.main()
