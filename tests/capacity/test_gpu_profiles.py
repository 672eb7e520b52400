import pytest

from agent.capacity.gpu_profiles import SHIPPED, load_gpu_profiles
from agent.errors import UnreadableInput
from agent.scaling.prices import load_prices


def test_every_profile_says_whether_anybody_measured_it():
    for profile in load_gpu_profiles().values():
        assert profile.source
        assert profile.standing in {"measured", "calculated", "assumed"}
        assert profile.calls <= profile.calls_800


def test_the_price_file_takes_its_calls_from_the_profiles():
    profiles = load_gpu_profiles()
    for name, gpu in load_prices().gpu.items():
        profile = profiles[name]
        assert int(gpu.calls.value) == profile.calls
        assert (gpu.calls.standing, gpu.calls.date) == (profile.standing, profile.date)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t + "\n[oops", "is not valid TOML"),
        (lambda t: t.replace("calls = 51", "calls = -1"), "gpu.RTX 3070.calls"),
        (lambda t: t.replace("date = 2026-11-20", "", 1), "RTX 3070.date"),
        (lambda t: "", "gpu: Field required"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path, change, says):
    path = tmp_path / "gpu.toml"
    path.write_text(change(SHIPPED.read_text("utf-8")), encoding="utf-8")
    with pytest.raises(UnreadableInput) as caught:
        load_gpu_profiles(path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(UnreadableInput, match="cannot be read"):
        load_gpu_profiles(tmp_path / "none.toml")
