"""The benchmark's inception score is drawn as that of `pvdm evaluate`."""

from types import SimpleNamespace

import numpy as np
import pytest

from pvdm.benchmark.figure_specs import INCEPTION
from pvdm.benchmark.generation_figures import figure_of
from pvdm.benchmark.sample_measures import features_name
from pvdm.evaluation.metrics import inception
from pvdm.evaluation.metrics.inception import inception_score


@pytest.mark.parametrize("spec", INCEPTION, ids=lambda spec: spec.protocol)
def test_clips_in_the_order_of_their_classes_are_mixed_before_they_are_split(spec):
    rows = np.repeat(np.full((10, 10), 0.01) + 0.9 * np.eye(10), 4, axis=0)
    protocol = spec.wanted
    context = SimpleNamespace(protocol=lambda protocol: protocol, plan=SimpleNamespace(allow_few=True, quick=False))
    found = figure_of(context, spec, {features_name(protocol): rows})
    setup = SimpleNamespace(protocol=protocol, features=lambda source: rows.copy())
    wanted = inception.measure(None, None, setup).by_name["is"]
    assert (found["value"], found["spread_over_splits"]) == (wanted.value, wanted.spread_over_splits)
    if protocol.splits == 1:
        assert found["spread_over_splits"] is None
    else:
        assert found["value"] > 1.5 * inception_score(rows, splits=protocol.splits)[0] == pytest.approx(1.5)
