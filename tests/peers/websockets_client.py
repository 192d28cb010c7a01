"""The client of the Python library `websockets`, against scripts/server.luau.

    python websockets_client.py CHECK URL [CA]

Prints what it saw, for tests/peers/websockets.rs to compare; text in ASCII with escapes.
"""

import asyncio
import ssl
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

MEBIBYTE = 2**20


def open_socket(path="/", **options):
    """Connects. The library offers permessage-deflate unless told otherwise, as browsers do."""
    url = sys.argv[2]
    if len(sys.argv) > 3:
        options["ssl"] = ssl.create_default_context(cafile=sys.argv[3])
    # Without bounds of its own, so that only the server's count; without proxies of the environment.
    return connect(url + path, max_size=None, proxy=None, **options)


async def print_end(socket):
    """Prints the messages that are left, and how the connection ended."""
    try:
        while True:
            print("message", ascii(await socket.recv()))
    except ConnectionClosed:
        print("closed", socket.close_code, ascii(socket.close_reason))


async def text():
    async with open_socket() as socket:
        for message in ["hello", "", "a\0b", "Gr\u00fc\u00dfe, \u4e16\u754c \U0001f30d"]:
            await socket.send(message)
            print(ascii(await socket.recv()))


async def binary():
    async with open_socket() as socket:
        for message in [b"", b"\xff\xfe\0", bytes(range(256))]:
            await socket.send(message)
            reply = await socket.recv()
            print(type(reply).__name__, len(reply), reply == message)


async def fragments():
    async with open_socket() as socket:
        for message in [["frag", "", "ment", "ed"], [b"\0", b"\xff", b""]]:
            await socket.send(message)
            print(ascii(await socket.recv()))
        # A character cut in two by its frames is no error of the text; one without its end is.
        await socket.send([b"Gr\xc3", b"\xbc\xc3\x9fe"], text=True)
        print(ascii(await socket.recv()))
        try:
            await socket.send(b"Gr\xc3", text=True)
            await socket.recv()
        except ConnectionClosed:
            print(socket.close_code)


async def mebibyte():
    async with open_socket() as socket:
        for message in ["x" * MEBIBYTE, bytes(range(256)) * (MEBIBYTE // 256)]:
            await socket.send(message)
            reply = await socket.recv()
            print(type(reply).__name__, len(reply), reply == message)


async def too_large():
    for size in [MEBIBYTE + 1, 8 * MEBIBYTE]:
        socket = await open_socket()
        try:
            await socket.send(b"\0" * size)
        except ConnectionClosed:
            pass
        await socket.wait_closed()
        print(socket.close_code)


async def protocols():
    for offered in [["other", "chat.v1", "chat.v2"], ["chat.v2", "chat.v1"], ["other"], None]:
        async with open_socket(subprotocols=offered) as socket:
            await socket.send("!protocol")
            print(socket.subprotocol, await socket.recv())


async def extensions():
    async with open_socket() as socket:
        print([extension.name for extension in socket.protocol.extensions])
        print(socket.response.headers.get("sec-websocket-extensions"))


async def pings():
    async with open_socket() as socket:
        for data in [None, b"", b"payload", b"\xff" * 125]:
            latency = await (await socket.ping(data))
            print(0 <= latency < 60)
        await socket.send("still here")
        print(await socket.recv())


async def close():
    for arguments in [(), (1000, ""), (1001, "gone"), (4002, "so long"), (4999, "\u00e9" * 61)]:
        socket = await open_socket()
        await socket.close(*arguments)
        print(socket.close_code)


async def server_close():
    for command in ["!close", "!close 4001 bye for now", "!close 3000", "!farewell 1000"]:
        async with open_socket() as socket:
            await socket.send(command)
            await print_end(socket)


async def shutdown():
    async with open_socket() as bystander, open_socket() as socket:
        await socket.send("!stop")
        await socket.wait_closed()
        await bystander.wait_closed()
        print(socket.close_code, bystander.close_code)


async def crowd():
    async def member(number):
        async with open_socket() as socket:
            for turn in range(10):
                await socket.send(f"{number} {turn}")
                if await socket.recv() != f"{number} {turn}":
                    return "mixed up"
            await socket.send("!count")
            return await socket.recv()

    counts = await asyncio.gather(*(member(number) for number in range(100)))
    print(len(counts), set(counts))


async def order():
    async with open_socket() as socket:
        # Nothing is awaited between them, so that the server meets many at once.
        messages = [f"{number} " + "." * (number * 7 % 1000) for number in range(2000)]
        sending = asyncio.create_task(send_all(socket, messages))
        replies = [await socket.recv() for _ in messages]
        await sending
        print(len(replies), replies == messages)


async def send_all(socket, messages):
    for message in messages:
        await socket.send(message)


async def flood():
    async with open_socket() as socket:
        await socket.send("!flood 200")
        # The server has begun, and meets a reader who does nothing until another connection has been served.
        async with open_socket() as other:
            await other.send("served meanwhile")
            print(await other.recv())
        pieces = [await socket.recv() for _ in range(200)]
        print([int(piece[:8]) for piece in pieces] == list(range(1, 201)), {len(piece) for piece in pieces})


async def abort():
    socket = await open_socket()
    await socket.send("here")
    print(await socket.recv())
    socket.transport.abort()


async def refused():
    for path in ["/refused", "/refused-late", "/truthy"]:
        try:
            async with open_socket(path):
                print("accepted")
        except InvalidStatus as error:
            print(error.response.status_code)


async def accepted_late():
    async with open_socket("/late?a=1") as socket:
        await socket.send("in time")
        print(await socket.recv())


CHECKS = [
    text, binary, fragments, mebibyte, too_large, protocols, extensions, pings, close, server_close,
    shutdown, crowd, order, flood, abort, refused, accepted_late,
]
asyncio.run(next(check for check in CHECKS if check.__name__ == sys.argv[1])())
