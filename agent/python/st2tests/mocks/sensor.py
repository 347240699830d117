"""The service of a sensor, in memory, for tests."""

from st2tests.mocks.service import MockService

__all__ = ["MockSensorWrapper", "MockSensorService"]


class MockSensorWrapper(object):
    """Says whose service it is."""

    def __init__(self, pack, class_name):
        self._pack = pack
        self._class_name = class_name


class MockSensorService(MockService):
    """A sensor's `sensor_service`; `dispatched_triggers` holds what was dispatched."""

    def __init__(self, sensor_wrapper):
        super(MockSensorService, self).__init__(sensor_wrapper)
        self._sensor_wrapper = sensor_wrapper
        self.dispatched_triggers = []

    def dispatch(self, trigger, payload=None, trace_tag=None, key=None, set=None):
        """`key` and `set` as Petrel's own service takes them: `set` is stored."""
        for name, value in (set or {}).items():
            if value is None:
                self.delete_value(name)
            else:
                self.set_value(name, str(value))
        context = None if trace_tag is None else {"trace_tag": trace_tag}
        self.dispatch_with_context(trigger, payload=payload, trace_context=context)
        return len(self.dispatched_triggers)

    def dispatch_with_context(self, trigger, payload=None, trace_context=None):
        told = {"trigger": trigger, "payload": payload, "trace_context": trace_context}
        self.dispatched_triggers.append(told)

    def wait_accepted(self, timeout=None):
        return True

    def checkpoint(self, up_to=None, earlier=False):
        """Nothing is ever repeated here."""
