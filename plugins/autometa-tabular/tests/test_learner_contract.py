"""Every learner of this plugin keeps the contract."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from autometa.testing import LearnerContract


class TestDummy(LearnerContract):
    spec = "dummy"


class TestRidge(LearnerContract):
    spec = "ridge"


class TestElasticNet(LearnerContract):
    spec = "elastic_net"


class TestLogistic(LearnerContract):
    spec = "logistic"


class TestExtraTrees(LearnerContract):
    spec = "extra_trees"


class TestHistBoosting(LearnerContract):
    spec = "hist_boosting"


class TestLightGBM(LearnerContract):
    spec = "lightgbm"


class TestNaiveBayes(LearnerContract):
    spec = "naive_bayes"


class TestNeighbours(LearnerContract):
    spec = "neighbours"


class TestKernel(LearnerContract):
    spec = "kernel"


class TestSVM(LearnerContract):
    spec = "svm"


@pytest.mark.slow
class TestRandomForest(LearnerContract):
    spec = "random_forest"


@pytest.mark.slow
class TestPerceptron(LearnerContract):
    spec = "perceptron"


if find_spec("xgboost") is not None:

    @pytest.mark.slow
    class TestXGBoost(LearnerContract):
        spec = "xgboost"


if find_spec("catboost") is not None:

    @pytest.mark.slow
    class TestCatBoost(LearnerContract):
        spec = "catboost"
