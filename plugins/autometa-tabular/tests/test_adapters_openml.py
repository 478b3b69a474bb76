import pytest
from autometa_tabular.adapters.openml import OpenmlAdapter

from autometa import DataError


def load(source):
    return OpenmlAdapter().load(source, {})


def test_set_is_read_with_its_target_gaps_and_categories(openml):
    dataset = load("openml:7")
    assert list(dataset.raw.columns) == ["size", "the colour", "class"]
    assert dataset.raw["class"].tolist()[:2] == [">50K", "<=50K"]
    assert dataset.raw["class"].isna().tolist() == [False, False, True]
    assert dataset.schema["the colour"].categories == ("blue", "red")
    assert dataset.frame["size"].tolist()[:2] == [1.0, 2.5]


def test_set_that_was_fetched_needs_no_network_again(openml):
    first = load("openml:7")
    openml.shutdown()
    openml.server_close()
    assert load("openml:7").digest() == first.digest()


def test_set_that_is_not_there_is_told(openml):
    with pytest.raises(DataError, match=r"openml:8 cannot be read: .* 8 not found"):
        load("openml:8")


def test_without_network_the_message_says_so(openml, monkeypatch):
    import sklearn.datasets._openml as fetcher

    monkeypatch.setattr(fetcher.time, "sleep", lambda seconds: None)
    openml.shutdown()
    openml.server_close()
    with pytest.raises(DataError, match=r"cannot be fetched: .*refused.* Check the network"):
        load("openml:7")


@pytest.mark.parametrize("source", ["openml:iris", "openml:", "openml:-1", "openml:6.5"])
def test_source_without_a_number_is_refused_without_asking(source):
    with pytest.raises(DataError, match="Write openml:61"):
        load(source)
