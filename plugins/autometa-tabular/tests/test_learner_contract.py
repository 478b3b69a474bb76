"""Every learner of this plugin keeps the contract."""

from __future__ import annotations

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
