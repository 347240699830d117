"""Gives a note back as its result."""

from st2common.runners.base_action import Action


class Note(Action):
    def run(self, text):
        if not text:
            return (False, "There is nothing to note.")
        greeting = self.config.get("greeting") or "Hello"
        return (True, {"note": "%s, %s" % (greeting, text)})
