"""Base classes of Python sensors, with the names that StackStorm packs import (st2 docs, Sensors)."""

import time

__all__ = ["BaseSensor", "Sensor", "PollingSensor"]


class BaseSensor(object):
    """What both kinds share. Only `run` or `poll` must be written; everything else has a default."""

    def __init__(self, sensor_service, config=None):
        self.sensor_service = sensor_service
        self.config = config or {}
        # The underscored names are the older ones; published packs use both.
        self._sensor_service = self.sensor_service
        self._config = self.config

    def setup(self):
        """Called once, before `run`."""

    def cleanup(self):
        """Called once at the end: after `run`, after an error, and when the agent stops the sensor."""

    def add_trigger(self, trigger):
        """A trigger of one of the sensor's types exists; those that exist already come after `setup`."""

    def update_trigger(self, trigger):
        """The trigger's parameters changed."""

    def remove_trigger(self, trigger):
        """The trigger is gone."""


class Sensor(BaseSensor):
    """A passive sensor: `run` waits for what happens elsewhere."""

    def run(self):
        raise NotImplementedError("a Sensor has a run() method")


class PollingSensor(BaseSensor):
    """An active sensor: `poll` is called, then the interval is slept, and so on."""

    def __init__(self, sensor_service, config=None, poll_interval=5):
        super(PollingSensor, self).__init__(sensor_service=sensor_service, config=config)
        self._poll_interval = poll_interval

    def poll(self):
        raise NotImplementedError("a PollingSensor has a poll() method")

    def run(self):
        while True:
            self.poll()
            time.sleep(self._poll_interval)

    def get_poll_interval(self):
        """Seconds."""
        return self._poll_interval

    def set_poll_interval(self, poll_interval):
        """Seconds; counts from the next sleep on."""
        self._poll_interval = poll_interval
