import subprocess
import sys

import pytest

from mtvif_ros.node import dds as environment
from mtvif_ros.node.dds import claim_domain

_CLAIM = "from mtvif_ros.node.dds import claim_domain; print(claim_domain(), flush=True); input()"


def test_replays_side_by_side_never_share_a_dds_domain() -> None:
    command = [sys.executable, "-c", _CLAIM]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    domains = []
    for process in running:
        assert process.stdout is not None
        domains.append(int(process.stdout.readline()))
    domains.append(claim_domain())
    for process in running:
        process.communicate("\n")
    assert len(set(domains)) == 4


def test_a_domain_is_free_again_when_its_process_was_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_REPLAY_DOMAINS", range(200, 201))
    monkeypatch.setattr(environment, "_claims", [])
    code = f"import mtvif_ros.node.dds as e; e._REPLAY_DOMAINS = range(200, 201); {_CLAIM}"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"200\n"
    with pytest.raises(OSError, match="all DDS domains from 200 to 200 are taken"):
        claim_domain()
    process.kill()
    process.communicate()
    assert claim_domain() == 200
