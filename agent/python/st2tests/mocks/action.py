"""The service of an action, in memory, for tests."""

from st2tests.mocks.service import MockService

__all__ = ["MockActionWrapper", "MockActionService"]


class MockActionWrapper(object):
    """Says whose service it is."""

    def __init__(self, pack, class_name):
        self._pack = pack
        self._class_name = class_name


class MockActionService(MockService):
    """An action's `action_service`."""

    def __init__(self, action_wrapper):
        super(MockActionService, self).__init__(action_wrapper)
        self._action_wrapper = action_wrapper
