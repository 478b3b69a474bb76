"""Checks on a table before anything is searched: what would make its scores say something else.

Each check is a function of a `CheckedTable` that yields `Finding`s; `suite.check_table` runs all.
They need numpy and pandas only, look at samples of bounded size, and give the same answer for the
same seed. `finding` alone needs neither, since the parent process reads findings.
"""
