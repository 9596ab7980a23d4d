import pytest


@pytest.fixture
def torchrun_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process take itself for the only one that torchrun started."""
    only = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
    here = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0", "TORCHELASTIC_RUN_ID": "test"}
    for name, value in (only | here).items():
        monkeypatch.setenv(name, value)
