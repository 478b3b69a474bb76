"""Under which names a study of autometa's own keeps what a record needs; light to import."""

HEADER = "autometa"
"""User attribute of a study: name, objectives, space, fingerprint; of a trial: its result."""

METAFEATURES = "autometa_metafeatures"
MACHINE = "autometa_machine"
BASELINE = "autometa_baseline"
"""Scores of the constant predictor, by metric."""

VERSIONS = "autometa_versions"
"""Distribution name to version, of whatever shaped the values."""

RECORD = "autometa_record"
"""File of the record that the study left."""

PRIOR = "autometa_prior"
"""What the study started from, as ``--json`` prints it; of a trial: who proposed it and why."""
