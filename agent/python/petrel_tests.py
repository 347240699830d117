"""Runs the Python tests of one pack by unittest: prints them as they go, and reports on descriptor 3 as JSON."""

import json
import os
import sys
import unittest

import petrel_imports

REPORT = 3


def report_of(result):
    """Counts, and the last line of each failure."""
    bad = [(test, text) for test, text in result.failures + result.errors]
    bad += [(test, "it should fail, and does not") for test in result.unexpectedSuccesses]
    skipped = len(result.skipped)
    return {
        "tests": max(result.testsRun, len(bad)),
        "failed": len(bad),
        "skipped": skipped,
        "failures": [
            {"test": test.id(), "message": (text.strip().splitlines() or [""])[-1][:500]} for test, text in bad
        ],
    }


def main():
    pack = os.environ["PETREL_TEST_PACK"]
    # The descriptor is ours alone: what tests start must not hold it open.
    os.set_inheritable(REPORT, False)
    here = os.path.dirname(os.path.abspath(__file__))
    # Behind everything else: what is installed comes first.
    sys.path += [pack, os.path.join(here, "fallback")]
    petrel_imports.set_up()
    sys.argv = ["tests"]
    tests = os.path.join(pack, "tests")
    suite = unittest.TestLoader().discover(tests, pattern="test_*.py", top_level_dir=tests)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, buffer=True).run(suite)
    with os.fdopen(REPORT, "w") as report:
        json.dump(report_of(result), report)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
