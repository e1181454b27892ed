"""What the service has executed: a line for each event, in a file that outlives the process."""

from __future__ import annotations

import collections
import json
import os
import threading
from pathlib import Path
from typing import Any


class Journal:
    def __init__(self, file: str) -> None:
        self._lock = threading.Lock()
        self._counts: collections.Counter[tuple[str, str, str]] = collections.Counter()
        if Path(file).exists():
            for line in Path(file).read_text("utf-8").splitlines():
                self._count(json.loads(line))
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, case: str, event: str, **members: Any) -> int:
        """How many of such events there are, this one included."""
        line = {"case": case, "event": event, **members}
        with self._lock:
            os.write(self._file, json.dumps(line).encode("ascii") + b"\n")
            return self._count(line)

    def has_step(self, case: str, name: str) -> bool:
        with self._lock:
            return self._counts[case, "step", name] > 0

    def _count(self, line: dict[str, Any]) -> int:
        key = (line["case"], line["event"], line.get("name", ""))
        self._counts[key] += 1
        return self._counts[key]
