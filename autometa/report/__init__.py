"""The report of a search: one HTML file that works offline, on a phone and on paper.

::

    Material     what the study knows, as JSON                      (`material`)
    Evidence     predictions of rows that the model did not see     (`evidence`)
    Figure       an SVG drawn by matplotlib                         (`figures`)
    Section      a title, prose, tables and figures                 (`search_sections`, ...)
    page         sections in one file                               (`page`)

`job.write_report` runs in a worker: it imports matplotlib and scikit-learn, and what a learner
does there costs the report only.
"""

FILE = "report.html"
FIGURES = "figures"
"""Beside the report: each figure as an SVG file of its own."""

JOB = "autometa.report.job:write_report"

__all__ = ["FIGURES", "FILE", "JOB"]
