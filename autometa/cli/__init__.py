"""The command line: parse, call, print. One file per command, loaded when it is used."""

from __future__ import annotations

import sys


def main() -> int:
    """Runs the command of this process; gives its exit code."""
    try:
        # Imported here, so that Ctrl-C during the first imports is no traceback either.
        from autometa.cli.boundary import report_unexpected, run
        from autometa.cli.completion import answer

        sys.excepthook = report_unexpected
        answered = answer()
        return run(sys.argv[1:]) if answered is None else answered
    except KeyboardInterrupt:  # also outside the error boundary: while it begins or ends
        sys.stderr.write("error: interrupted.\n")
        return 130
