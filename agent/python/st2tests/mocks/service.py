"""What the services of sensors and actions share in tests."""

from unittest import mock

from st2tests.mocks.datastore import MockDatastoreService

__all__ = ["MockService"]


class MockService(object):
    """A logger that can be asked what was logged, and a datastore in memory."""

    def __init__(self, wrapper):
        self._logger = mock.Mock()
        self._datastore_service = MockDatastoreService(self._logger, wrapper._pack, wrapper._class_name)

    @property
    def datastore_service(self):
        return self._datastore_service

    def get_logger(self, name):
        """A `Mock`: its calls can be asserted."""
        return self._logger

    def get_user_info(self):
        return self._datastore_service.get_user_info()

    def list_values(self, *args, **kwargs):
        return self._datastore_service.list_values(*args, **kwargs)

    def get_value(self, *args, **kwargs):
        return self._datastore_service.get_value(*args, **kwargs)

    def set_value(self, *args, **kwargs):
        return self._datastore_service.set_value(*args, **kwargs)

    def delete_value(self, *args, **kwargs):
        return self._datastore_service.delete_value(*args, **kwargs)
