import pytest
from consortium import make_consortium


@pytest.fixture
def consortium(tmp_path):
    return make_consortium(tmp_path)
