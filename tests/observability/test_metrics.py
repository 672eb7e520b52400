import re

import pytest

from agent.observability import metrics
from agent.observability.metrics import Meters, Metric

SUFFIX = {"seconds": "_seconds", "ratio": "_ratio"}


def test_the_table_names_every_metric_of_the_module_once():
    defined = [value for value in vars(metrics).values() if isinstance(value, Metric)]
    assert sorted(metric.name for metric in metrics.ALL) == sorted({m.name for m in defined})
    assert len(defined) == len(metrics.ALL)


@pytest.mark.parametrize("metric", metrics.ALL, ids=lambda metric: metric.name)
def test_a_name_says_owner_and_unit(metric):
    assert re.fullmatch(r"kural_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    if metric.unit in SUFFIX:
        assert metric.name.endswith(SUFFIX[metric.unit])
    else:
        assert not metric.name.endswith(tuple(SUFFIX.values()))
    assert metric.help.endswith(".")


@pytest.mark.parametrize("metric", metrics.ALL, ids=lambda metric: metric.name)
def test_buckets_rise_and_belong_to_histograms_only(metric):
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(set(metric.buckets))


def test_what_was_counted_is_exposed():
    meters = Meters()
    meters.add(metrics.CALLS, outcome="filed")
    meters.add(metrics.CALLS, outcome="filed")
    meters.set(metrics.LOAD, 0.35)
    meters.observe(metrics.TURN_RESPONSE, 0.4, turn="place")
    text = meters.expose().decode()
    assert 'kural_calls_total{outcome="filed"} 2.0' in text
    assert "kural_load_ratio 0.35" in text
    assert 'kural_turn_response_seconds_bucket{le="0.45",turn="place"} 1.0' in text


def test_a_value_that_is_not_listed_becomes_other():
    meters = Meters()
    meters.add(metrics.CALLS, outcome="Murugan 9500123456")
    text = meters.expose().decode()
    assert 'kural_calls_total{outcome="other"} 1.0' in text
    assert "Murugan" not in text


def test_two_processes_of_counters_do_not_share():
    first, second = Meters(), Meters()
    first.add(metrics.CALLS_ACTIVE)
    assert b"kural_calls_active 1.0" in first.expose()
    assert b"kural_calls_active 0.0" in second.expose()


@pytest.mark.parametrize(
    ("use", "metric"),
    [("add", metrics.STT_DECODE), ("set", metrics.CALLS), ("observe", metrics.LOAD)],
)
def test_a_metric_is_used_as_its_kind_allows(use, metric):
    with pytest.raises(TypeError, match=metric.name):
        getattr(Meters(), use)(metric, 1.0)
