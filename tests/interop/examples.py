"""The examples of the adapters. They have the same names: built one adapter after the other, and put aside."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from children import Failure

NAMES = ["echo", "heartbeat"]
# Of those that do not bear the runtime's name.
PACKAGES = {"smol": "ws-async-std"}


def example(folder: Path, name: str, runtime: str) -> Path:
    return folder / f"{name}-{runtime}"


async def build(project: Path, target: Path, folder: Path, runtime: str) -> None:
    package = PACKAGES.get(runtime, f"ws-{runtime}")
    wanted = [word for name in NAMES for word in ("--example", name)]
    command = ["cargo", "build", "--quiet", "-p", package, *wanted]
    building = await asyncio.create_subprocess_exec(*command, cwd=project)
    if await building.wait() != 0:
        raise Failure(f"the examples of {package} do not build")
    for name in NAMES:
        shutil.copy(target / "debug" / "examples" / name, example(folder, name, runtime))
