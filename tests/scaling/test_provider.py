import pytest

from agent.scaling.provider import free_name, machine_name, slot_of


def test_a_name_says_environment_and_slot():
    assert machine_name("prod", 3) == "kural-prod-3"
    assert slot_of("kural-prod-3", "prod") == 3


@pytest.mark.parametrize(
    "name",
    [
        "kural-prod",
        "kural-prod-",
        "kural-prod-0",
        "kural-prod-03",
        "kural-prod-3-old",
        "my-kural-prod-3",
        "kural-prod-eu-3",
        "kural-prodx-3",
        "kural-prod-3\n",
        "kural-prod-٣",
        "jupyter",
    ],
)
def test_names_of_others_and_of_other_environments_are_no_slot(name):
    assert slot_of(name, "prod") is None


def test_an_environment_whose_name_begins_another_owns_only_its_own():
    assert slot_of("kural-prod-2-1", "prod-2") == 1
    assert slot_of("kural-prod-2-1", "prod") is None


def test_the_lowest_free_slot_is_taken():
    assert free_name("prod", []) == "kural-prod-1"
    assert free_name("prod", ["kural-prod-1", "kural-prod-3", "jupyter"]) == "kural-prod-2"
    assert free_name("prod", ["kural-prod-1", "kural-prod-2"]) == "kural-prod-3"
