"""The view of a study that people browse: told into a spool, replayed into MLflow.

The study writes events to ``<study>/spool.jsonl`` and never waits. A tracker process replays them
into whatever tracking URI was asked for, when and as fast as that allows. Only that process, and
the UI server, import MLflow.
"""
