"""How a subject is put before the contract of learners."""

from __future__ import annotations

from pathlib import Path

from autometa import Learner, LearnerSpec
from autometa.testing import LearnerContract

SUBJECTS = str(Path(__file__).with_name("subjects.py"))


def learner_contract(cls: type[Learner], **changes) -> type[LearnerContract]:
    fields = {
        "name": "subject",
        "problems": frozenset({"classification", "regression"}),
        "factory": f"{SUBJECTS}:{cls.__name__}",
        "space": f"{SUBJECTS}:empty_space",
        "capabilities": frozenset({"baseline", "sample_weight", "soft_labels"}),
        "summary": "for this test",
    }
    spec = LearnerSpec(**(fields | changes))
    return type("Contract", (LearnerContract,), {"spec": spec})
