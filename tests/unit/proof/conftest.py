import pytest

from scripts.forgery import story
from scripts.vectorlog import VectorLog


@pytest.fixture
def log() -> VectorLog:
    """Three decisions and an override of the first."""
    return story()
