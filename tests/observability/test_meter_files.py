import json
import multiprocessing
import os

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.observability import metrics
from agent.observability.meter_files import MeterFile, MeterSum, samples_of_text
from agent.observability.metrics import Meters


def values(text):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def a_call(folder, outcome):
    """What a call process does: counts, and ends."""
    meters = Meters()
    file = MeterFile(folder, meters)
    file.start()
    meters.add(metrics.CALLS, outcome=outcome)
    meters.add(metrics.CALLS_ACTIVE, 1)
    meters.observe(metrics.TTS_FIRST_AUDIO, 0.03, source="cache")


def run_calls(folder, outcomes):
    context = multiprocessing.get_context("forkserver")
    calls = [context.Process(target=a_call, args=(folder, outcome)) for outcome in outcomes]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
        assert call.exitcode == 0


def test_calls_that_are_over_stay_counted_and_their_gauges_and_files_go(tmp_path):
    run_calls(tmp_path, ["filed", "filed", "hung_up"])
    total = MeterSum(tmp_path)
    for _ in range(2):  # the second look must not count them twice
        found = values(total.expose(Meters().samples()))
        assert found["kural_calls_total", (("outcome", "filed"),)] == 2
        assert found["kural_calls_total", (("outcome", "hung_up"),)] == 1
        assert found["kural_tts_first_audio_seconds_count", (("source", "cache"),)] == 3
        assert found["kural_calls_active", ()] == 0
    assert list(tmp_path.iterdir()) == []


def test_a_live_process_counts_with_its_gauges(tmp_path):
    meters = Meters()
    file = MeterFile(tmp_path, meters)
    meters.set(metrics.CALLS_ACTIVE, 1)
    file.write()
    own = Meters()
    own.add(metrics.CALLS, outcome="filed")
    found = values(MeterSum(tmp_path).expose(own.samples()))
    assert found["kural_calls_active", ()] == 1
    assert found["kural_calls_total", (("outcome", "filed"),)] == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_nothing_is_written_before_something_was_counted(tmp_path):
    file = MeterFile(tmp_path / "later", Meters())
    file.write()
    assert not (tmp_path / "later").exists()


def test_the_number_of_a_dead_process_used_again_is_no_reason_to_keep_it(tmp_path):
    rows = [["kural_calls_total", [["outcome", "filed"]], 1.0], ["kural_calls_active", [], 1.0]]
    (tmp_path / f"{os.getpid()}-1000.meters").write_text(json.dumps(rows))
    found = values(MeterSum(tmp_path).expose(Meters().samples()))
    assert found["kural_calls_total", (("outcome", "filed"),)] == 1
    assert found["kural_calls_active", ()] == 0


@pytest.mark.parametrize("content", ["", "{", "[1]", '[["a", "b", "c"]]', '{"a": 1}'])
def test_a_broken_file_costs_its_counts_only(tmp_path, content):
    (tmp_path / "1-1.meters").write_text(content)
    assert b"kural_calls_active 0.0" in MeterSum(tmp_path).expose(Meters().samples())


def test_histograms_keep_the_order_of_their_buckets(tmp_path):
    meters = Meters()
    meters.observe(metrics.TTS_FIRST_AUDIO, 0.03, source="cache")
    text = MeterSum(tmp_path).expose(meters.samples()).decode()
    bounds = [
        float(line.split('le="')[1].split('"')[0])
        for line in text.splitlines()
        if line.startswith("kural_tts_first_audio_seconds_bucket") and 'source="cache"' in line
    ]
    assert bounds == sorted(bounds)
    assert bounds[-1] == float("inf")


def test_the_text_of_another_process_adds_up_with_ours(tmp_path):
    theirs = Meters()
    theirs.add(metrics.VOICE_REQUESTS, 5, source="pool", outcome="answered")
    found = values(MeterSum(tmp_path).expose(Meters().samples(), samples_of_text(theirs.expose())))
    key = ("kural_voice_requests_total", (("outcome", "answered"), ("source", "pool")))
    assert found[key] == 5


def test_a_folder_that_cannot_be_written_is_no_reason_to_fail(tmp_path):
    (tmp_path / "file").write_text("")
    meters = Meters()
    file = MeterFile(tmp_path / "file", meters)
    meters.set(metrics.CALLS_ACTIVE, 1)
    file.write()
