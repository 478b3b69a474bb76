"""Every learner of this plugin keeps the contract."""

from __future__ import annotations

import pytest

from autometa.testing import LearnerContract

pytestmark = pytest.mark.slow


class TestMLP(LearnerContract):
    spec = "mlp"


class TestResNet(LearnerContract):
    spec = "resnet"


class TestCNN(LearnerContract):
    spec = "cnn"


class TestResidualCNN(LearnerContract):
    spec = "residual_cnn"
