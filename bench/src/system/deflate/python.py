"""Sends or receives compressed messages by the protocol of `websockets` without I/O; prints the nanoseconds that it took."""

import sys
import time

from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

CHUNK = 16 * 1024


def entries(path):
    with open(path, "rb") as file:
        while head := file.read(4):
            yield file.read(int.from_bytes(head))


def deflate(takeover):
    # As both ends agree by default, but for the level, which is the same for all.
    return PerMessageDeflate(not takeover, not takeover, 15, 15, {"level": 6})


def send(messages, takeover):
    server = ServerProtocol(state=State.OPEN)
    server.extensions = [deflate(takeover)]
    start = time.perf_counter_ns()
    for message in messages:
        server.send_binary(message)
        server.data_to_send()
    return time.perf_counter_ns() - start


def receive(frames, takeover, count):
    client = ClientProtocol(parse_uri("ws://127.0.0.1/"), state=State.OPEN, max_size=None)
    client.extensions = [deflate(takeover)]
    chunks = [frames[at : at + CHUNK] for at in range(0, len(frames), CHUNK)]
    came = 0
    start = time.perf_counter_ns()
    for chunk in chunks:
        client.receive_data(chunk)
        came += len(client.events_received())
    passed = time.perf_counter_ns() - start
    assert came == count, f"{came} of {count} messages"
    return passed


path, direction, takeover, count = sys.argv[1:]
takeover = takeover == "takeover"
if direction == "send":
    print(send(list(entries(path)), takeover))
else:
    [frames] = entries(path)
    print(receive(frames, takeover, int(count)))
