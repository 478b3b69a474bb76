import math

import optuna
import pytest
from optuna.distributions import FloatDistribution

from autometa.errors import StorageError
from autometa.learner import Space
from autometa.search.lease import identity
from autometa.search.sampler import sampler_factory
from autometa.search.space import join
from autometa.search.storage import JOURNAL, open_storage
from autometa.search.study import SearchStudy, delete_study, derive_seed, read_study
from autometa.trial import Outcome, TrialResult

SPACE = join({"a": Space({"x": FloatDistribution(0.0, 1.0)}, {}, {"x": 0.5})})
SAMPLER = sampler_factory(None)
INITIAL = ({"learner": "a", "a.x": 0.5},)


def open_study(folder, directions=("minimize",)):
    return SearchStudy(open_storage("auto", folder), "s", directions, {"uid": "u"})


def run(study, n_trials):
    for _ in range(n_trials):
        proposal = study.ask(SPACE, SAMPLER, 7, INITIAL)
        study.tell(proposal, result_of(proposal), elapsed=1.0)


def result_of(proposal, outcome=Outcome.COMPLETE):
    value = (float(proposal.params["a.x"]) - 0.3) ** 2
    is_complete = outcome is Outcome.COMPLETE
    return TrialResult(
        number=proposal.number,
        params=proposal.params,
        outcome=outcome,
        values=(value,) if is_complete else None,
        fold_scores=(value,),
        seed=proposal.seed,
        proposer=proposal.proposer,
    )


def test_first_trials_are_the_initial_ones(tmp_path):
    study = open_study(tmp_path)
    run(study, 2)
    first, second = study.results
    assert first.params == {"learner": "a", "a.x": 0.5}
    assert (first.proposer, second.proposer) == ("default", "target")


def test_results_survive_the_process(tmp_path):
    study = open_study(tmp_path)
    run(study, 3)
    again = open_study(tmp_path)
    assert not again.is_new
    assert again.results == study.results


def test_fault_95_a_resumed_study_goes_on_as_an_uninterrupted_one(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    run(open_study(whole), 16)
    run(open_study(parts), 11)
    interrupted = open_study(parts)
    interrupted.ask(SPACE, SAMPLER, 7, INITIAL)  # never told: the process died
    run(open_study(parts), 5)
    assert open_study(parts).results == open_study(whole).results


def test_interrupted_trials_are_reconciled_and_their_number_given_again(tmp_path):
    study = open_study(tmp_path)
    run(study, 1)
    lost = study.ask(SPACE, SAMPLER, 7, INITIAL)
    again = open_study(tmp_path)
    proposal = again.ask(SPACE, SAMPLER, 7, INITIAL)
    assert (proposal.number, proposal.params) == (lost.number, lost.params)
    raw = optuna.load_study(study_name="s", storage=open_storage("auto", tmp_path))
    assert [trial.state.name for trial in raw.trials] == ["COMPLETE", "FAIL", "RUNNING"]


def test_a_result_that_was_written_but_not_told_is_not_lost(tmp_path, monkeypatch):
    study = open_study(tmp_path)
    proposal = study.ask(SPACE, SAMPLER, 7, INITIAL)
    monkeypatch.setattr(study, "_finish", lambda *_: None)  # killed right before the last write
    study.tell(proposal, result_of(proposal), elapsed=1.0)
    again = open_study(tmp_path)
    assert [result.number for result in again.results] == [0]
    raw = optuna.load_study(study_name="s", storage=open_storage("auto", tmp_path))
    assert raw.trials[0].state.name == "COMPLETE"


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.PRUNED, "PRUNED"),
        (Outcome.TIMEOUT, "PRUNED"),
        (Outcome.MEMORY, "PRUNED"),
        (Outcome.NOT_APPLICABLE, "PRUNED"),
        (Outcome.ERROR, "FAIL"),
        (Outcome.DIED, "FAIL"),
    ],
)
def test_outcome_decides_the_state_in_optuna(tmp_path, outcome, state):
    study = open_study(tmp_path)
    proposal = study.ask(SPACE, SAMPLER, 7, ())
    study.tell(proposal, result_of(proposal, outcome), elapsed=0.0)
    raw = optuna.load_study(study_name="s", storage=open_storage("auto", tmp_path))
    assert raw.trials[0].state.name == state


def test_several_objectives_are_told_without_intermediate_values(tmp_path):
    study = open_study(tmp_path, ("minimize", "maximize"))
    proposal = study.ask(SPACE, SAMPLER, 7, ())
    result = TrialResult(
        number=0, params=proposal.params, outcome=Outcome.PRUNED, fold_scores=(0.1, 0.2)
    )
    study.tell(proposal, result, elapsed=0.0, constraints={"size_kib": -1.0})
    assert study.results[0].outcome is Outcome.PRUNED


def test_constraints_are_told_to_optuna(tmp_path):
    study = open_study(tmp_path)
    proposal = study.ask(SPACE, SAMPLER, 7, ())
    study.tell(proposal, result_of(proposal), elapsed=0.0, constraints={"size_kib": 2.5})
    raw = optuna.load_study(study_name="s", storage=open_storage("auto", tmp_path))
    attrs = raw.trials[0].system_attrs
    assert [value for key, value in attrs.items() if "size_kib" in key] == [2.5]


def test_a_foreign_study_of_the_same_name_is_refused(tmp_path):
    storage = open_storage("auto", tmp_path)
    foreign = optuna.create_study(study_name="s", storage=storage)
    foreign.tell(foreign.ask(), 1.0)
    with pytest.raises(StorageError, match="not autometa's"):
        open_study(tmp_path)


def test_delete_study_forgets_it(tmp_path):
    run(open_study(tmp_path), 1)
    delete_study(open_storage("auto", tmp_path), "s")
    assert read_study(open_storage("auto", tmp_path), "s") is None


def test_read_study_gives_what_was_told(tmp_path):
    study = open_study(tmp_path)
    run(study, 2)
    found = read_study(open_storage("auto", tmp_path), "s")
    assert found is not None
    assert found[1] == study.told


def test_derive_seed_depends_on_every_part():
    seeds = {derive_seed(a, b, c) for a in range(3) for b in range(3) for c in range(3)}
    assert len(seeds) == 27
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_fault_71_a_journal_cut_at_any_of_its_last_bytes_is_recovered(tmp_path):
    run(open_study(tmp_path), 3)
    whole = (tmp_path / JOURNAL).read_bytes()
    for cut in range(1, 200):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / JOURNAL).write_bytes(whole[:-cut])
        study = open_study(folder)
        assert [r.number for r in study.results] in ([0, 1], [0, 1, 2]), cut
        proposal = study.ask(SPACE, SAMPLER, 7, INITIAL)
        study.tell(proposal, result_of(proposal), elapsed=1.0)
        assert math.isclose(study.results[0].values[0], 0.04)


def test_fault_71_a_journal_damaged_in_its_middle_says_so(tmp_path):
    run(open_study(tmp_path), 3)
    path = tmp_path / JOURNAL
    lines = path.read_bytes().splitlines(keepends=True)
    lines[len(lines) // 2] = b'{"op_code": 5, "wor\n'
    path.write_bytes(b"".join(lines))
    with pytest.raises(StorageError, match="damaged"):
        open_study(tmp_path)


def test_lease_that_another_took_ends_the_search(tmp_path, monkeypatch):
    study = open_study(tmp_path)
    study.set_attr("autometa_lease", {**identity(), "host": "elsewhere", "renewed": 0.0})
    study.renew()  # not due yet
    monkeypatch.setattr("autometa.search.study.RENEW_SECONDS", -1.0)
    with pytest.raises(StorageError, match=r"is being run by process .* on elsewhere"):
        study.renew()


def test_lease_is_given_back_but_never_another_s(tmp_path):
    study = open_study(tmp_path)
    study.release()
    assert study.attr("autometa_lease") == {}
    theirs = {**identity(), "host": "elsewhere"}
    study.set_attr("autometa_lease", theirs)
    study.release()
    assert study.attr("autometa_lease") == theirs
