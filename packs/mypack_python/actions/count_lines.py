"""Counts the lines of the configured file."""

from st2common.runners.base_action import Action


class CountLines(Action):
    def run(self):
        log = self.config.get("log")
        if not log:
            return (False, "The configuration has no 'log'.")
        try:
            with open(log, "rb") as lines:
                count = sum(1 for _ in lines)
        except FileNotFoundError:
            self.logger.info("%s does not exist yet", log)
            count = 0
        return {"log": log, "lines": count}
