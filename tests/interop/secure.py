"""TLS: the testee and OpenSSL, certificates that are not to be believed, and peers that speak something else."""

from __future__ import annotations

import asyncio
import re
import signal
from functools import partial
from pathlib import Path
from typing import Any, Iterator

from as_client import closed_by_peer, failed, in_order
from certificates import Certificates, Pair
from checks import Check, equal, require
from children import Child, Failure
from openssl import BINARY, CLOSE, TEXT, Pipe, s_client, s_server
from peer import TIMEOUT, Peer
from peers.payloads import message, octets
from testee import Outcome, Testee

NORMAL = b"\x03\xe8"
SIZES = [0, 125, 126, 16384, 65536, 1 << 20]
# So that OpenSSL does not refuse old versions by itself.
OLD = ["-cipher", "DEFAULT@SECLEVEL=0"]


def as_client(testee: Testee, certificates: Certificates) -> Iterator[Check]:
    """The testee connects to `openssl s_server`."""
    def check(name: str, function: Any, *arguments: Any) -> Check:
        return Check(name, partial(function, testee, certificates, *arguments))

    for version in ["-tls1_2", "-tls1_3"]:
        for key in [certificates.right, certificates.rsa]:
            yield check(f"echo with {Path(key.certificate).stem}, {version}", echoes, key, version)
        yield check(f"close_notify after Close, {version}", ends_well, version)
        yield check(f"no close_notify after Close, {version}", ends_abruptly, version)
        yield check(f"no Close and no close_notify, {version}", truncated, version)
        yield check(f"sessions are resumed, {version}", resumed, version)
        yield check(f"client certificate, {version}", with_client_certificate, version)
        # TLS 1.2 has no alert that would say so.
        required = "handshake_failure" if version == "-tls1_2" else "requires a certificate"
        yield check(f"no client certificate, {version}", refused_client, version, [], required)
        strange = shown(certificates.strange_client)
        telling = "refused the client's certificate"
        yield check(f"strange client certificate, {version}", refused_client, version, strange, telling)
    yield check("the name is asked for (SNI)", named)
    yield check("a name apart from the URL", other_name)
    yield check("address as name", believed, certificates.address_only, "127.0.0.1", [])
    yield check("any certificate with --insecure", believed, certificates.stranger, "localhost", ["--insecure"])
    yield check("the platform's authorities", of_the_platform)
    wrong = [
        ("for another name", certificates.wrong_name, "localhost", "not for localhost, but for .*other.example"),
        ("for the name, not the address", certificates.name_only, "127.0.0.1", "not for 127.0.0.1"),
        ("for the address, not the name", certificates.address_only, "localhost", "not for localhost"),
        ("expired", certificates.expired, "localhost", "expired"),
        ("not yet valid", certificates.early, "localhost", "not valid yet"),
        ("of an unknown authority", certificates.stranger, "localhost", "no authority that is trusted"),
    ]
    for name, pair, host, telling in wrong:
        yield check(f"certificate {name}", not_believed, pair, host, telling)
    yield check("only TLS 1.1", no_common_tls, ["-tls1_1", *OLD], "no TLS in common|protocol_version")
    yield check("only another ALPN protocol", no_common_tls, ["-alpn", "h2"], "no_application_protocol")
    yield check("ALPN http/1.1", alpn)
    yield check("ws to a port for TLS", plain_to_tls)


def at_once(testee: Testee, certificates: Certificates) -> Iterator[Check]:
    """Checks that wait, and can do so beside each other."""
    yield Check("silence instead of TLS", partial(stalled, testee, certificates))


def to_plain_port(testee: Testee, certificates: Certificates, peer: Peer) -> Iterator[Check]:
    yield Check("wss to a port for ws", partial(tls_to_plain, testee, certificates, peer))


def as_server(testee: Testee, certificates: Certificates) -> Iterator[Check]:
    """`openssl s_client` connects to the testee."""
    def check(name: str, function: Any, *arguments: Any) -> Check:
        return Check(name, partial(function, testee, certificates, *arguments))

    for version in ["-tls1_2", "-tls1_3"]:
        yield check(f"echo, {version}", serves, version)
        yield check(f"sessions are resumed, {version}", resumes, version)
        yield check(f"client certificate, {version}", takes_client, version, certificates.client, None)
        telling = "certificate required|handshake failure"
        yield check(f"no client certificate, {version}", takes_client, version, None, telling)
        strange = certificates.strange_client
        yield check(f"strange client certificate, {version}", takes_client, version, strange, "unknown ca")
    yield check("only TLS 1.1", refuses, ["-tls1_1", *OLD], "protocol version|handshake failure")
    yield check("only another ALPN protocol", refuses, ["-alpn", "h2"], "no application protocol")
    yield check("ALPN http/1.1", chooses_alpn)
    yield check("a client that goes without a word", survives_hang_up)
    yield check("a client that speaks no TLS", survives_plain_text)


# The testee as client.


def trusting(testee: Testee, certificates: Certificates, *arguments: str) -> Testee:
    return testee.over("wss", "--ca", certificates.authority, *arguments, host="localhost")


async def play(pipe: Pipe, sizes: list[int]) -> bytes:
    """The server's part of a whole connection, up to the answer to its Close."""
    request = await pipe.accept()
    for size in sizes:
        await pipe.echo(TEXT, octets(message("text", size)))
        await pipe.echo(BINARY, octets(message("binary", size)))
    pipe.send(CLOSE, NORMAL)
    equal("the answer to Close", await pipe.receive(), (CLOSE, NORMAL))
    return request


async def echoes(testee: Testee, certificates: Certificates, pair: Pair, version: str) -> None:
    testee = trusting(testee, certificates)
    async with s_server(pair, version) as (port, pipe):
        connecting = asyncio.ensure_future(testee.connect(testee.url(port, "/x?y")))
        request = await play(pipe, SIZES)
        pipe.hang_up()
        outcome = await connecting
    require(request.startswith(b"GET /x?y HTTP/1.1\r\n"), f"the request: {request!r}")
    require(f"\r\nHost: localhost:{port}\r\n".encode() in request, f"Host in the request: {request!r}")
    in_order(outcome)
    closed_by_peer(outcome, 1000, "")
    equal("number of messages", len(outcome.all("message")), 2 * len(SIZES))


async def ends_well(testee: Testee, certificates: Certificates, version: str) -> None:
    testee = trusting(testee, certificates)
    async with s_server(certificates.right, version, is_quiet=False) as (port, pipe):
        connecting = asyncio.ensure_future(testee.connect(testee.url(port)))
        await play(pipe, [5])
        pipe.write(b"Q\n")
        outcome = await connecting
        await asyncio.wait_for(pipe.child.wait(), TIMEOUT)
    closed_by_peer(outcome, 1000, "")


async def ends_abruptly(testee: Testee, certificates: Certificates, version: str) -> None:
    """Both Closes are done, so that nothing can have been cut off: that is a clean end."""
    testee = trusting(testee, certificates)
    async with s_server(certificates.right, version) as (port, pipe):
        connecting = asyncio.ensure_future(testee.connect(testee.url(port)))
        await play(pipe, [])
        pipe.hang_up()
        closed_by_peer(await connecting, 1000, "")


async def truncated(testee: Testee, certificates: Certificates, version: str) -> None:
    testee = trusting(testee, certificates)
    async with s_server(certificates.right, version) as (port, pipe):
        connecting = asyncio.ensure_future(testee.connect(testee.url(port)))
        await pipe.accept()
        await pipe.echo(TEXT, b"hello")
        pipe.hang_up()
        outcome = await connecting
    in_order(outcome)
    failed(outcome, "transport", 1006)
    telling_is(outcome, "without TLS's close_notify|reset")


async def resumed(testee: Testee, certificates: Certificates, version: str) -> None:
    testee = trusting(testee, certificates, "--reconnect", "fixed:0.1")
    async with s_server(certificates.right, version, "-naccept", "2", is_quiet=False) as (port, pipe):
        child = await Child.start("testee connect", testee.command(testee.url(port), []))
        try:
            first = await pipe.until(rb"(?s)ACCEPT.*\nSecure Renegotiation")
            await pipe.accept()
            await pipe.echo(TEXT, b"hello")
            pipe.write(b"q\n")  # ends the connection, not the server
            second = await pipe.until(rb"(?s)CONNECTION CLOSED.*\nSecure Renegotiation")
            await pipe.accept()
            await pipe.echo(TEXT, b"hello")
        finally:
            await child.stop()
    reused = [b"\nReused session-id\n" in said for said in (first, second)]
    equal("whether the sessions were resumed", reused, [False, True])


async def with_client_certificate(testee: Testee, certificates: Certificates, version: str) -> None:
    testee = trusting(testee, certificates, *shown(certificates.client))
    options = [version, "-Verify", "2", "-verify_return_error", "-CAfile", certificates.authority]
    async with s_server(certificates.right, *options) as (port, pipe):
        connecting = asyncio.ensure_future(testee.connect(testee.url(port)))
        await play(pipe, [5])
        pipe.hang_up()
        closed_by_peer(await connecting, 1000, "")


def shown(pair: Pair) -> list[str]:
    return ["--client-cert", pair.certificate, "--client-key", pair.key]


async def refused_client(
    testee: Testee, certificates: Certificates, version: str, shows: list[str], telling: str
) -> None:
    testee = trusting(testee, certificates, *shows)
    options = [version, "-Verify", "2", "-verify_return_error", "-CAfile", certificates.authority]
    async with s_server(certificates.right, *options) as (port, _):
        outcome = await testee.connect(testee.url(port))
    failed_in_tls(outcome, telling)


async def named(testee: Testee, certificates: Certificates) -> None:
    """The server has the right certificate only for who names it."""
    testee = trusting(testee, certificates)
    right = ["-servername", "localhost", "-cert2", certificates.right.certificate, "-key2", certificates.right.key]
    async with s_server(certificates.wrong_name, *right) as (port, pipe):
        connecting = asyncio.ensure_future(testee.connect(testee.url(port)))
        await play(pipe, [])
        pipe.hang_up()
        closed_by_peer(await connecting, 1000, "")


async def other_name(testee: Testee, certificates: Certificates) -> None:
    testee = trusting(testee, certificates, "--server-name", "other.example")
    async with s_server(certificates.wrong_name) as (port, pipe):
        connecting = asyncio.ensure_future(testee.connect(testee.url(port)))
        request = await play(pipe, [])
        pipe.hang_up()
        closed_by_peer(await connecting, 1000, "")
    require(f"\r\nHost: localhost:{port}\r\n".encode() in request, f"Host in the request: {request!r}")


async def believed(testee: Testee, certificates: Certificates, pair: Pair, host: str, options: list[str]) -> None:
    testee = testee.over("wss", *(options or ["--ca", certificates.authority]), host=host)
    async with s_server(pair) as (port, pipe):
        connecting = asyncio.ensure_future(testee.connect(testee.url(port)))
        await play(pipe, [])
        pipe.hang_up()
        closed_by_peer(await connecting, 1000, "")


async def of_the_platform(testee: Testee, certificates: Certificates) -> None:
    """Without any setting: what the system trusts, which on Linux the environment may name."""
    secure = testee.over("wss", host="localhost", environment=(("SSL_CERT_FILE", certificates.authority),))
    async with s_server(certificates.right) as (port, pipe):
        connecting = asyncio.ensure_future(secure.connect(secure.url(port)))
        await play(pipe, [])
        pipe.hang_up()
        closed_by_peer(await connecting, 1000, "")
    secure = testee.over("wss", host="localhost")
    async with s_server(certificates.right) as (port, _):
        outcome = await secure.connect(secure.url(port))
    failed_in_tls(outcome, "no authority that is trusted")


async def not_believed(testee: Testee, certificates: Certificates, pair: Pair, host: str, telling: str) -> None:
    testee = testee.over("wss", "--ca", certificates.authority, host=host)
    async with s_server(pair) as (port, pipe):
        outcome = await testee.connect(testee.url(port))
        said = await pipe.last_words()
    failed_in_tls(outcome, telling)
    # RFC 8446 §6.2: the server is told what is wrong, and it is told nothing else.
    require("alert" in said, f"OpenSSL was told nothing: {said}")
    equal("what got through", pipe.buffer, b"")


async def no_common_tls(testee: Testee, certificates: Certificates, options: list[str], telling: str) -> None:
    testee = trusting(testee, certificates)
    async with s_server(certificates.right, *options) as (port, _):
        outcome = await testee.connect(testee.url(port))
    failed_in_tls(outcome, telling)


async def alpn(testee: Testee, certificates: Certificates) -> None:
    testee = trusting(testee, certificates)
    async with s_server(certificates.right, "-alpn", "h2,http/1.1", is_quiet=False) as (port, pipe):
        connecting = asyncio.ensure_future(testee.connect(testee.url(port)))
        await pipe.until(rb"ALPN protocols selected: http/1\.1\n")
        await play(pipe, [])
        pipe.hang_up()
        closed_by_peer(await connecting, 1000, "")


async def plain_to_tls(testee: Testee, certificates: Certificates) -> None:
    async with s_server(certificates.right) as (port, _):
        outcome = await testee.connect(testee.url(port))
    in_order(outcome)
    failed(outcome, "handshake", 1006)
    telling_is(outcome, "right port and scheme")


async def tls_to_plain(testee: Testee, certificates: Certificates, peer: Peer) -> None:
    testee = trusting(testee, certificates)
    job = await peer.accept([])
    outcome = await testee.connect(testee.url(job.port))
    failed_in_tls(outcome, "does not speak TLS|does it speak TLS")


async def stalled(testee: Testee, certificates: Certificates) -> None:
    testee = trusting(testee, certificates, "--open-timeout", "1")
    async with s_server(certificates.right) as (port, pipe):
        pipe.child.kill(signal.SIGSTOP)
        try:
            outcome = await testee.connect(testee.url(port))
        finally:
            pipe.child.kill(signal.SIGCONT)
    failed_in_tls(outcome, r"not open in 1s \(open_timeout\)")


def failed_in_tls(outcome: Outcome, telling: str) -> None:
    in_order(outcome)
    failed(outcome, "tls", 1006)
    require(not outcome.all("open"), f"opened all the same; {outcome}")
    telling_is(outcome, telling)


def telling_is(outcome: Outcome, telling: str) -> None:
    text = outcome.only("error")["message"]
    require(re.search(telling, text) is not None, f"the error does not say {telling!r}: {text!r}")


# The testee as server.


def identity(certificates: Certificates) -> list[str]:
    return ["--cert", certificates.right.certificate, "--key", certificates.right.key]


def port_of(url: str) -> int:
    return int(url.rstrip("/").rpartition(":")[2])


async def talk(pipe: Pipe, port: int, sizes: list[int]) -> None:
    """The client's part of a whole connection, up to the end of TLS, which is the server's to begin."""
    await pipe.open(f"localhost:{port}")
    for size in sizes:
        await pipe.echo(TEXT, octets(message("text", size)))
        await pipe.echo(BINARY, octets(message("binary", size)))
    pipe.send(CLOSE, NORMAL)
    equal("the answer to Close", await pipe.receive(), (CLOSE, NORMAL))
    status = await asyncio.wait_for(pipe.child.wait(), TIMEOUT)
    complaints = pipe.child.complaints()
    require("eof" not in complaints.lower(), f"the end without close_notify: {complaints}")
    equal(f"exit status of s_client, which said {complaints}", status, 0)


async def serves(testee: Testee, certificates: Certificates, version: str) -> None:
    async with testee.serve(*identity(certificates)) as (url, _):
        port = port_of(url)
        async with s_client(port, certificates.authority, version) as pipe:
            await talk(pipe, port, SIZES)


async def resumes(testee: Testee, certificates: Certificates, version: str) -> None:
    session = str(Path(certificates.authority).with_name(f"session-{testee.runtime}{version}"))
    async with testee.serve(*identity(certificates)) as (url, _):
        port = port_of(url)
        said = []
        for option in ["-sess_out", "-sess_in"]:
            # `-ign_eof`, without which a line of its input may be a command.
            options = [version, option, session, "-ign_eof"]
            async with s_client(port, certificates.authority, *options, is_quiet=False) as pipe:
                said.append((await pipe.until(rb"\n(New|Reused), TLS")).split(b",")[0].strip())
                await pipe.open(f"localhost:{port}")
                await pipe.echo(TEXT, b"hello")
    equal("the first handshake, the second", said, [b"New", b"Reused"])


async def takes_client(
    testee: Testee, certificates: Certificates, version: str, pair: Pair | None, refusal: str | None
) -> None:
    options = [*identity(certificates), "--client-ca", certificates.authority]
    files = ["-cert", pair.certificate, "-key", pair.key] if pair else []
    async with testee.serve(*options) as (url, _):
        port = port_of(url)
        async with s_client(port, certificates.authority, version, *files) as pipe:
            if refusal is None:
                await talk(pipe, port, [5])
            else:
                await is_refused(pipe, port, refusal)


async def refuses(testee: Testee, certificates: Certificates, options: list[str], refusal: str) -> None:
    async with testee.serve(*identity(certificates)) as (url, _):
        port = port_of(url)
        async with s_client(port, certificates.authority, *options) as pipe:
            await is_refused(pipe, port, refusal)


async def is_refused(pipe: Pipe, port: int, refusal: str) -> None:
    """By an alert, which OpenSSL names."""
    try:
        await pipe.open(f"localhost:{port}")
    except (Failure, ConnectionError):
        said = await pipe.last_words()
        require(re.search(refusal, said) is not None, f"OpenSSL was not told {refusal!r}: {said}")
    else:
        raise Failure("the testee took it all the same")


async def chooses_alpn(testee: Testee, certificates: Certificates) -> None:
    async with testee.serve(*identity(certificates)) as (url, _):
        options = ["-alpn", "h2,http/1.1", "-ign_eof"]
        async with s_client(port_of(url), certificates.authority, *options, is_quiet=False) as pipe:
            said = await pipe.until(rb"\n(ALPN protocol: .*|No ALPN negotiated)\n")
            equal("ALPN", said.strip(), b"ALPN protocol: http/1.1")


async def survives_hang_up(testee: Testee, certificates: Certificates) -> None:
    async with testee.serve(*identity(certificates)) as (url, server):
        port = port_of(url)
        async with s_client(port, certificates.authority) as pipe:
            await pipe.open(f"localhost:{port}")
            await pipe.echo(TEXT, b"hello")
            pipe.hang_up()
        async with s_client(port, certificates.authority) as pipe:
            await talk(pipe, port, [5])
        equal("exit status", server.process.returncode, None)


async def survives_plain_text(testee: Testee, certificates: Certificates) -> None:
    async with testee.serve(*identity(certificates)) as (url, server):
        port = port_of(url)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            answer = await asyncio.wait_for(reader.read(), TIMEOUT)
        except ConnectionError:
            answer = b""
        writer.close()
        require(answer.startswith(b"HTTP/1.1 400 ") and b"TLS" in answer, f"it answered {answer!r}")
        async with s_client(port, certificates.authority) as pipe:
            await talk(pipe, port, [5])
        equal("exit status", server.process.returncode, None)
