"""The server of the Python library `websockets`, for scripts/client.luau to talk to.

    python websockets_server.py [CERTIFICATE KEY]

Each path does something else. The end of every connection is printed: its path, code and reason. Ends when it is killed.
"""

import asyncio
import http
import ssl
import sys

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

MEBIBYTE = 2**20


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def headers(socket):
    names = ["x-custom", "authorization", "user-agent", "sec-websocket-version", "host"]
    for name in names:
        await socket.send(f"{name}: {', '.join(socket.request.headers.get_all(name))}")


async def protocol(socket):
    offered = socket.request.headers.get_all("sec-websocket-protocol")
    await socket.send(f"{', '.join(offered)} -> {socket.subprotocol}")


async def fragments(socket):
    await socket.send(["frag", "", "ment", "ed"])
    await socket.send([b"\0", b"\xff", b""])
    await socket.send([b"Gr\xc3", b"\xbc\xc3\x9fe"], text=True)


async def invalid_text(socket):
    await socket.send(b"Gr\xc3", text=True)
    await socket.wait_closed()


async def mebibyte(socket):
    await socket.send("x" * MEBIBYTE)
    await socket.send(bytes(range(256)) * (MEBIBYTE // 256))


async def too_large(socket):
    await socket.send(b"\0" * (MEBIBYTE + 1))
    await socket.wait_closed()


async def pings(socket):
    for data in [None, b"", b"payload", b"\xff" * 125]:
        latency = await (await socket.ping(data))
        await socket.send(str(0 <= latency < 60))


async def close(socket):
    await socket.close(4001, "bye for now")


async def default_close(socket):
    await socket.close()


async def wordless_close(socket):
    # A close frame without a code, which the library sends only when asked below its surface.
    async with socket.send_context():
        socket.protocol.send_close()


async def fail(_socket):
    raise ValueError("fails on purpose")


async def leave(socket):
    # The head of a frame that promises 256 bytes, and four of them.
    socket.transport.write(b"\x81\x7e\x01\x00half")
    socket.transport.close()


async def abort(socket):
    await socket.send("before")
    await socket.recv()
    socket.transport.abort()


async def order(socket):
    for number in range(1, 2001):
        await socket.send(f"{number} " + "." * (number * 7 % 1000))


async def flood(socket):
    for number in range(1, 201):
        await socket.send(f"{number:08}" + "x" * (65536 - 8))


async def shutdown(socket):
    socket.server.close()
    await socket.wait_closed()


async def wait(socket):
    await socket.wait_closed()


HANDLERS = [
    echo, headers, protocol, fragments, invalid_text, mebibyte, too_large, pings, close, default_close,
    wordless_close, fail, leave, abort, order, flood, shutdown, wait,
]


async def handle(socket):
    path = socket.request.path
    try:
        await next(handler for handler in HANDLERS if f"/{handler.__name__}" == path)(socket)
    except ConnectionClosed:
        pass
    finally:
        if path != "/fail":
            await socket.close()
            print(path, socket.close_code, ascii(socket.close_reason), flush=True)


def before(connection, request):
    """Answers those handshakes that shall fail."""
    if request.path == "/refused":
        return connection.respond(http.HTTPStatus.FORBIDDEN, "no entry\n")
    if request.path == "/moved":
        response = connection.respond(http.HTTPStatus.FOUND, "elsewhere\n")
        response.headers["location"] = "/echo"
        return response
    return None


def choose(connection, offered):
    """Unlike the library's own choice, this one takes clients that offer nothing it knows."""
    return next((name for name in ["chat.v2", "chat.v1"] if name in offered), None)


async def main():
    context = None
    if len(sys.argv) > 2:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
    async with serve(
        handle, "127.0.0.1", 0, ssl=context, process_request=before, select_subprotocol=choose
    ) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"listening on http://127.0.0.1:{port}", file=sys.stderr, flush=True)
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
