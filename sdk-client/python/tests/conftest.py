from __future__ import annotations

import pytest

from durable_gateway import _gateway

from .support import ScriptedGateway


@pytest.fixture
def gateway() -> ScriptedGateway:
    return ScriptedGateway()


@pytest.fixture(autouse=True)
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are repeated at once."""
    monkeypatch.setattr(_gateway, "DELAYS", (0.0, 0.0, 0.0, 0.0))
