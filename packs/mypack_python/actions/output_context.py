"""Adds one line to the configured file."""

import os

from st2actions.runners.pythonrunner import Action


class OutputContext(Action):
    def run(self, context):
        log = self.config.get("log")
        if not log:
            return (False, "The configuration has no 'log'.")
        line = (context + "\n").encode("utf-8")
        try:
            # One write on a file opened for appending: lines of runs at the same time do not mix.
            descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                written = os.write(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError as error:
            return (False, "%s cannot be written: %s" % (log, error))
        if written < len(line):
            return (False, "%s: the line was cut, is the disk full?" % log)
        return (True, "Added a line to %s." % log)
