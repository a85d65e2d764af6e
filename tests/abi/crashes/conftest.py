"""Fixtures of the tests about plugins that crash."""
import pytest
from support.crashing import Hub, compile_all


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Builds of the plugins by name, made once."""
    return compile_all(tmp_path_factory.mktemp("crashing"))


@pytest.fixture
def hub(tmp_path, built):
    made = []

    def make(**options):
        made.append(Hub(tmp_path, built, **options))
        return made[-1]
    yield make
    for one in made:
        one.server.close()
