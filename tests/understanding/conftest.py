import pytest

from agent.understanding.rules import Rules


@pytest.fixture(scope="session")
def rules():
    return Rules.load()
