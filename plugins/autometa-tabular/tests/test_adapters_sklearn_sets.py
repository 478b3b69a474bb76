import pytest
from autometa_tabular.adapters import SPECS
from autometa_tabular.adapters.sklearn_sets import SETS, SklearnAdapter

from autometa import DataError, TaskError


@pytest.mark.parametrize("name", SETS)
def test_every_set_loads(name):
    dataset = SklearnAdapter().load(f"sklearn:{name}", {})
    assert len(dataset) >= 20
    assert {column.kind for column in dataset.schema} <= {"numeric", "dropped"}


def test_target_is_a_column_of_whole_numbers():
    dataset = SklearnAdapter().load("sklearn:iris", {})
    assert dataset.raw["target"].tolist()[::50] == [0, 1, 2]
    assert dataset.frame.shape == (150, 5)


def test_unknown_set_names_the_nearest():
    with pytest.raises(DataError, match=r"no set 'irs'\. Did you mean sklearn:iris\?") as caught:
        SklearnAdapter().load("sklearn:irs", {})
    assert caught.value.exit_code == 3
    with pytest.raises(DataError, match="It has breast_cancer, diabetes"):
        SklearnAdapter().load("sklearn:zzz", {})


def test_options_are_refused():
    with pytest.raises(TaskError, match=r"has no option 'rows'\. It takes none"):
        SklearnAdapter().load("sklearn:iris", {"rows": 5})


def test_specs_name_classes_that_exist():
    from autometa.resolve import resolve

    assert [spec.name for spec in SPECS] == [
        "csv",
        "parquet",
        "json",
        "excel",
        "sql",
        "openml",
        "sklearn",
    ]
    for spec in SPECS:
        assert resolve(spec.factory)().load
        assert spec.suffixes or spec.schemes


def test_specs_import_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys, autometa_tabular.adapters; "
        "print([m for m in ('pandas', 'numpy', 'pyarrow', 'sklearn') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
