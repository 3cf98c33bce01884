"""The guarded client on real connections: where it connects to, whom it does not follow, and how long it waits."""

import asyncio
import contextlib
from collections.abc import Sequence

import pytest

from libs.common.http.guarded_client import AddressPolicy, AddressRefused, GuardedClient, NoAnswer


class FickleResolver:
    """Another address at each look."""

    def __init__(self, *addresses: str) -> None:
        self.addresses, self.asked = addresses, 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return [self.addresses[min(self.asked, len(self.addresses)) - 1]]


async def test_the_connection_goes_to_the_address_that_was_judged_and_the_name_is_asked_once() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 302 Found\r\nlocation: http://10.0.0.1/\r\nretry-after: 3\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    policy = AddressPolicy.of([], ["127.0.0.1/32"])
    resolver = FickleResolver("127.0.0.1", "10.0.0.1")
    client = GuardedClient(policy, resolver=resolver)
    answer = await client.post(f"http://127.0.0.1:{port}/", b"{}", {"x": "y"})
    assert (answer.status, answer.headers["retry-after"], resolver.asked) == (302, "3", 1)
    assert len(seen) == 1
    await client.close()
    server.close()


async def test_a_slow_endpoint_is_left_in_time_however_slowly_it_trickles() -> None:
    left = asyncio.Event()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"x")
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.Event().wait(), 0.05)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        left.set()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = GuardedClient(AddressPolicy.of([], ["127.0.0.1/32"]), timeout_seconds=0.3)
    with pytest.raises(NoAnswer, match="in time"):
        await client.post(f"http://127.0.0.1:{port}/", b"{}", {})
    await client.close()
    await asyncio.wait_for(left.wait(), 10)
    server.close()


async def test_a_name_is_judged_again_at_each_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No\r\nconnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = GuardedClient(AddressPolicy.of([], ["127.0.0.1/32"]), resolver=FickleResolver("127.0.0.1", "10.0.0.1"))
    assert (await client.post(f"http://127.0.0.1:{port}/", b"{}", {})).status == 204
    with pytest.raises(AddressRefused):
        await client.post(f"http://127.0.0.1:{port}/", b"{}", {})
    await client.close()
    server.close()


async def test_nobody_there_is_no_answer() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    client = GuardedClient(AddressPolicy.of([], ["127.0.0.1/32"]))
    with pytest.raises(NoAnswer):
        await client.post(f"http://127.0.0.1:{port}/", b"{}", {})
    await client.close()
