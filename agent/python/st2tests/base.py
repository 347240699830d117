"""Base classes of a pack's tests, under the names that StackStorm packs import (st2 docs, Pack Testing)."""

import inspect
import os
import unittest

from petrel_action import make_action
from st2tests.mocks.action import MockActionService, MockActionWrapper
from st2tests.mocks.sensor import MockSensorService, MockSensorWrapper

__all__ = ["BasePackResourceTestCase", "BaseActionTestCase", "BaseSensorTestCase", "BaseActionAliasTestCase"]


class BasePackResourceTestCase(unittest.TestCase):
    """What tests of all kinds share."""

    def get_fixture_content(self, fixture_path):
        """The text of a file in the pack's tests/fixtures/."""
        path = os.path.join(self._get_base_pack_path(), "tests", "fixtures", fixture_path)
        with open(path, "r", encoding="utf-8") as fixture:
            return fixture.read()

    def _get_base_pack_path(self):
        # The runner knows the pack; a test that is run by hand lies in its tests/.
        told = os.environ.get("PETREL_TEST_PACK")
        return told or os.path.dirname(os.path.dirname(os.path.abspath(inspect.getfile(type(self)))))


class BaseActionTestCase(BasePackResourceTestCase):
    """A test of the Python action `action_cls`."""

    action_cls = None

    def setUp(self):
        super(BaseActionTestCase, self).setUp()
        wrapper = MockActionWrapper(pack="tests", class_name=self.action_cls.__name__)
        self.action_service = MockActionService(action_wrapper=wrapper)

    def get_action_instance(self, config=None):
        """The action, with this configuration and a datastore in memory."""
        return make_action(self.action_cls, config, self.action_service)


class BaseSensorTestCase(BasePackResourceTestCase):
    """A test of the sensor `sensor_cls`."""

    sensor_cls = None

    def setUp(self):
        super(BaseSensorTestCase, self).setUp()
        wrapper = MockSensorWrapper(pack="tests", class_name=self.sensor_cls.__name__)
        self.sensor_service = MockSensorService(sensor_wrapper=wrapper)

    def get_sensor_instance(self, config=None, poll_interval=None):
        """The sensor, with this configuration and a service that remembers what is dispatched."""
        options = {"sensor_service": self.sensor_service}
        if config:
            options["config"] = config
        if poll_interval is not None:
            options["poll_interval"] = poll_interval
        return self.sensor_cls(**options)

    def get_dispatched_triggers(self):
        """Dicts with `trigger`, `payload` and `trace_context`, oldest first."""
        return self.sensor_service.dispatched_triggers

    def get_last_dispatched_trigger(self):
        return self.sensor_service.dispatched_triggers[-1]

    def assertTriggerDispatched(self, trigger, payload=None, trace_context=None):
        """Fails unless this trigger was dispatched; payload and trace context count where they are given."""
        for told in self.get_dispatched_triggers():
            if told["trigger"] != trigger:
                continue
            if payload and told["payload"] != payload:
                continue
            if trace_context and told["trace_context"] != trace_context:
                continue
            return True
        raise AssertionError(
            "trigger %r was not dispatched with payload %r; what was: %r"
            % (trigger, payload, self.get_dispatched_triggers())
        )


class BaseActionAliasTestCase(BasePackResourceTestCase):
    """Aliases are words for a chat, which Petrel does not read: such tests are skipped, and say so."""

    action_alias_name = None

    def setUp(self):
        raise unittest.SkipTest("Petrel registers action aliases and does not match them")
