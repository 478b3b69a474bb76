"""The command line: parse, call, print. One file per command, loaded when it is used."""

from __future__ import annotations

import sys

from autometa.cli.boundary import report_unexpected, run


def main() -> int:
    """Runs the command of this process; gives its exit code."""
    sys.excepthook = report_unexpected
    return run(sys.argv[1:])
