"""A server that says what it gets, with Python's `websockets`: steady.py PORT [--freeze] [--close CODE].

It greets every client. It says, as one JSON object a line, {"ready"}, and for each client {"open": its headers}, {"text"} and
{"close": [code, reason]}. With --freeze it stops its own process when the first client is there, before it reads anything. With
--close it answers the first text with that code, once.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any

from websockets.asyncio.server import ServerConnection, serve


def say(**event: Any) -> None:
    print(json.dumps(event), flush=True)


async def main(port: int, freeze: bool, code: int | None) -> None:
    codes = [code] if code else []

    async def on_connection(websocket: ServerConnection) -> None:
        assert websocket.request
        say(open={name.lower(): value for name, value in websocket.request.headers.raw_items()})
        if freeze:
            os.kill(os.getpid(), signal.SIGSTOP)
        await websocket.send("greeting")
        async for text in websocket:
            say(text=text)
            if codes:
                await websocket.close(codes.pop(), "bye")
        close = websocket.protocol.close_rcvd
        say(close=[close.code, close.reason] if close else None)

    async with serve(on_connection, "127.0.0.1", port, compression=None, ping_interval=None):
        say(ready=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    arguments = sys.argv[2:]
    closing = int(arguments[arguments.index("--close") + 1]) if "--close" in arguments else None
    asyncio.run(main(int(sys.argv[1]), "--freeze" in arguments, closing))
