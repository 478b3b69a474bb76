"""Answers requests for predictions over HTTP.

::

    body ─ table.py ─▶ columns of values ─ inputs.py ─▶ Rows ─ batching.py ─▶ engine.py ─▶ answer
                 what cannot be read or does not fit the schema is a BadRequestError

`app.make_app` puts the routes together, `gate.Gate` stands before them (token, rate, metrics), and
`server.serve` listens until a signal.
"""
