"""Ticks every ten seconds, and remembers how often it has."""

import time

from st2reactor.sensor.base import PollingSensor


class TickSensor(PollingSensor):
    def setup(self):
        """Called once, first."""
        self._logger = self.sensor_service.get_logger(__name__)
        self._count = int(self.sensor_service.get_value("count") or 0)

    def poll(self):
        """Called every poll_interval seconds. An exception ends the process, which is then started again."""
        count = self._count + 1
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.sensor_service.dispatch(trigger="new_pack.tick", payload={"count": count, "time": now})
        self.sensor_service.set_value("count", count)
        self._count = count

    def cleanup(self):
        """Called before the process ends."""

    def add_trigger(self, trigger):
        """Called for each trigger of this sensor that a rule asks for."""

    def update_trigger(self, trigger):
        pass

    def remove_trigger(self, trigger):
        pass
