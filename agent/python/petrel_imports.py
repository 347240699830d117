"""What packs import beside the modules that are here: substitutes for what StackStorm brings, and words for the rest."""

import importlib.abc
import os
import sys

# Top-level modules of StackStorm's own installation; the parts that Petrel has lie beside this file.
FOREIGN = ("st2common", "st2client", "st2actions", "st2reactor", "st2tests", "st2api", "st2auth", "st2exporter")
# By the longest beginning of a module's name.
INSTEAD = {
    "st2common.persistence": "there is no database to reach; keys are in action_service or sensor_service",
    "st2common.models": "there is no database to reach; keys are in action_service or sensor_service",
    "st2common.services": "use get_value, set_value and list_values of action_service or sensor_service",
    "st2common.transport": "there is no message bus to reach; a sensor dispatches by sensor_service.dispatch",
    "st2common.content": "files of the pack lie in the folder above that of the entry point",
    "st2client": "st2client.client.Client has `keys`; for anything else call the hub's HTTP API",
}
OTHERWISE = "the guide to packs lists the modules that are there"

# What runs in this process may ask of the agent; set by whoever runs the pack's code.
_service = None


def use_service(service):
    """To be called before the pack's code is loaded: what `st2client` speaks through."""
    global _service
    _service = service


def service():
    """The action's or sensor's service; RuntimeError where there is none, as in a pack's tests."""
    if _service is None:
        raise RuntimeError("there is no hub to ask here: the datastore is there in actions and sensors that an agent runs")
    return _service


class Explaining(importlib.abc.MetaPathFinder):
    """Asked last: says what to use in place of a module of StackStorm that is not here."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in FOREIGN:
            return None
        known = [start for start in INSTEAD if name == start or name.startswith(start + ".")]
        hint = INSTEAD[max(known, key=len)] if known else OTHERWISE
        raise ModuleNotFoundError("Petrel has no module %s: %s" % (name, hint), name=name)


def set_up():
    """Behind everything else: what is installed, and what the pack has itself, comes first."""
    substitutes = os.path.join(os.path.dirname(os.path.abspath(__file__)), "substitutes")
    if substitutes not in sys.path:
        sys.path.append(substitutes)
    if not any(isinstance(finder, Explaining) for finder in sys.meta_path):
        sys.meta_path.append(Explaining())
