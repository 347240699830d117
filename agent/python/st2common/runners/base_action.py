"""The base class of Python actions (st2 docs, Action Runners, python-script)."""

from st2common import log

__all__ = ["Action"]


class Action(object):
    """An action: `run` gets the parameters by name and returns the result, or a pair of status and result."""

    description = None

    def __init__(self, config=None, action_service=None):
        self.config = config or {}
        self.action_service = action_service
        self.logger = log.getLogger("st2.actions.python.%s" % type(self).__name__)

    def run(self, **kwargs):
        raise NotImplementedError("an Action has a run() method")
