"""Every installed plugin keeps the contracts, whoever wrote it.

First-party plugins run the same contracts in their own tests, so this is for the slow round.
"""

from __future__ import annotations

import pytest

from autometa.plugins import load_plugins
from autometa.testing import CompressorContract, LearnerContract
from autometa.testing.installed import InstalledAdapterContract

pytestmark = pytest.mark.slow
_REGISTRY = load_plugins()


def _class_name(name: str, kind: str) -> str:
    return f"Test{name.title().replace('_', '')}{kind}"


for _name in _REGISTRY.learners:
    _title = _class_name(_name, "Learner")
    globals()[_title] = type(_title, (LearnerContract,), {"spec": _name})
for _name in _REGISTRY.compressors:
    _title = _class_name(_name, "Compressor")
    globals()[_title] = type(_title, (CompressorContract,), {"spec": _name})
for _name in _REGISTRY.adapters:
    _title = _class_name(_name, "Adapter")
    globals()[_title] = type(_title, (InstalledAdapterContract,), {"spec": _name})


def test_no_installed_plugin_is_broken() -> None:
    assert [(info.name, info.reason) for info in _REGISTRY.plugins if not info.is_ok] == []
