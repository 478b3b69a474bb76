import math

from hypothesis import given, settings
from hypothesis import strategies as st

from autometa.tracking import keys

NAMES = st.text(max_size=300) | st.text(alphabet="./ab[]{}\n:-", max_size=30)


@settings(deadline=None)
@given(NAMES)
def test_every_key_passes_mlflows_own_check(name):
    from mlflow.utils.validation import _validate_metric, _validate_param, _validate_tag

    key = keys.key(name)
    _validate_metric(key, 1.0, 0, 0)
    _validate_param(key, "value")
    _validate_tag(f"{keys.NAME_TAG}{key}", "value")
    assert 0 < len(key) <= keys.MAX_KEY


@settings(deadline=None)
@given(st.sets(NAMES, min_size=2, max_size=8))
def test_no_two_names_share_a_key(names):
    assert len({keys.key(name) for name in names}) == len(names)


def test_valid_names_stay_and_others_stay_readable():
    assert keys.key("lightgbm.num_leaves") == "lightgbm.num_leaves"
    assert keys.key("über/maß: 1") == "über/maß: 1"
    assert keys.key("price [EUR]").startswith("price _EUR_-")
    assert keys.key("two\nlines").startswith("two_lines-")


@settings(deadline=None)
@given(st.text(alphabet=st.characters(), max_size=50), st.integers(1, 60))
def test_text_can_be_encoded_and_is_no_longer_than_asked(value, limit):
    text = keys.text(value, limit)
    assert len(text) <= limit
    assert "\0" not in text
    text.encode("utf-8")


def test_text_of_a_lone_surrogate_is_replaced():
    assert keys.text("a\ud800b", 10) == "a?b"


def test_metrics_that_cannot_be_drawn_are_named_instead():
    metrics = {"a": 1.0, "b": math.inf, "c": math.nan, "d": None}
    assert keys.finite(metrics) == {"a": 1.0}
    assert keys.not_finite(metrics) == "b=inf, c=nan"


def test_only_changed_names_are_told():
    assert keys.renamed({"plain": 1, "a[b]": 2}) == {
        f"autometa.name.{keys.key('a[b]')}": "a[b]",
    }
