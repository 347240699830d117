"""Tells each file that came, changed or went since the last look."""

import os

from st2reactor.sensor.base import PollingSensor


class DirectorySensor(PollingSensor):
    def setup(self):
        self._logger = self.sensor_service.get_logger(__name__)
        self._known = self._look()

    def poll(self):
        now = self._look()
        for path in sorted(set(self._known) - set(now)):
            self._tell(path, self._known[path], "deleted")
        for path in sorted(set(now) - set(self._known)):
            self._tell(path, now[path], "created")
        for path in sorted(set(now) & set(self._known)):
            if now[path] != self._known[path]:
                self._tell(path, now[path], "modified")
        self._known = now

    def cleanup(self):
        self._logger.info("no longer watching")

    # The triggers of this sensor take no parameters: nothing depends on which rules there are.
    def add_trigger(self, trigger):
        pass

    def update_trigger(self, trigger):
        pass

    def remove_trigger(self, trigger):
        pass

    def _look(self):
        """Modification times, by path, of every file below the configured folders."""
        times = {}
        for directory in (self.config.get("sensor") or {}).get("directories") or []:
            for folder, _, names in os.walk(directory, onerror=self._unreadable):
                for name in names:
                    path = os.path.join(folder, name)
                    try:
                        times[path] = os.lstat(path).st_mtime
                    except OSError:
                        # Gone between listing and looking.
                        continue
        return times

    def _unreadable(self, error):
        if not isinstance(error, FileNotFoundError):
            self._logger.warning("%s cannot be read: %s", error.filename, error)

    def _tell(self, path, time, status):
        payload = {"path": path, "time": time, "status": status}
        self.sensor_service.dispatch(trigger="mypack_python.changed_file", payload=payload)
