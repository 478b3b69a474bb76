from __future__ import annotations

import os

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from autometa.search.journal import UNSYNCED, OwnedJournal


def _search(storage, n_trials=3):
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(study_name="s", storage=storage, sampler=sampler)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=n_trials)
    return study


def test_owned_journal_is_read_as_any_journal_of_optuna(tmp_path):
    ours = _search(JournalStorage(OwnedJournal(tmp_path / "journal.log")))
    other = JournalStorage(JournalFileBackend(str(tmp_path / "journal.log")))

    theirs = optuna.load_study(study_name="s", storage=other)

    assert [t.params for t in theirs.trials] == [t.params for t in ours.trials]
    assert [t.state.name for t in theirs.trials] == ["COMPLETE"] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["journal.log"]


def test_owned_journal_waits_for_the_disk_once_a_trial(tmp_path, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(file), real(file)))
    storage = JournalStorage(OwnedJournal(tmp_path / "journal.log"))
    study = optuna.create_study(study_name="s", storage=storage)
    synced.clear()

    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    trial.set_user_attr("note", "text")
    before = len(synced)
    study.tell(trial, 1.0)

    assert (before, len(synced)) == (0, 1)


def test_owned_journal_knows_optunas_operations():
    from optuna.storages.journal._storage import JournalOperation

    names = {JournalOperation(code).name for code in UNSYNCED}
    assert names == {
        "CREATE_TRIAL",
        "SET_TRIAL_PARAM",
        "SET_TRIAL_INTERMEDIATE_VALUE",
        "SET_TRIAL_USER_ATTR",
        "SET_TRIAL_SYSTEM_ATTR",
    }


def test_owned_journal_on_a_full_disk_keeps_what_was_there(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "journal.log"
    journal = OwnedJournal(path)
    journal.append_logs([{"op_code": 8, "text": "first"}])
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, hard))
    try:
        with pytest.raises(OSError, match="No space left"):
            journal.append_logs([{"op_code": 8, "text": "second"}])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert path.read_bytes() == before
