"""Sends to addresses that callers of ours have named: which may be named, and connections to no other; used by webhooks.

An address is judged when it is named and again at every connection, by what its name resolves to then: the connection goes to
the very address that was judged, so a name that changes its mind between look and connection (DNS rebinding) gains nothing.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

import httpcore

from libs.common.errors import InvalidInput, RetryableError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_LONGEST_URL = 500
_MOST_ANSWER_BYTES = 65_536
_INTO_NETWORKS = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "fec0::/10")))
"""Translated to IPv4, and a site's own: they count as public ones and need not lead to any."""
_NOT_A_NAME = frozenset({"", "localhost"})


class Resolver(Protocol):
    """Names to addresses."""

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses of `host`; raises OSError."""
        ...


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """As the machine resolves names."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


class AddressRefused(InvalidInput):
    """This address may not be sent to."""

    slug = "address-refused"


class NoAnswer(RetryableError):
    """The other side was not reached, or did not answer in time."""

    slug = "no-answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPolicy:
    """Which addresses may be named. `hosts`: names, or `.suffix` for all below; none given, any. `networks`: private ones that may be."""

    hosts: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, hosts: Iterable[str], networks: Iterable[str]) -> "AddressPolicy":
        """From settings; raises ValueError for what is no network."""
        return cls(
            hosts=tuple(host.lower().rstrip(".") for host in hosts),
            networks=tuple(ipaddress.ip_network(network) for network in networks),
        )

    def check(self, url: str) -> None:
        """Raise AddressRefused for an address that may never be sent to. Names are judged when they are resolved."""
        parts = _split(url)
        host = parts.hostname or ""
        literal = _literal(host)
        if parts.scheme != "https" and not (parts.scheme == "http" and literal is not None and literal.is_loopback):
            raise AddressRefused("https only; http is for loopback addresses alone")
        if self.hosts and not any(_is_host(host, wanted) for wanted in self.hosts):
            raise AddressRefused("this host is not on the list of hosts that may be sent to")
        if literal is not None:
            self.check_address(literal)
        elif host in _NOT_A_NAME or host.endswith(".localhost") or not _can_be_a_name(host):
            raise AddressRefused("name a host that others can resolve, or a loopback address")

    def check_address(self, address: Address) -> None:
        """Raise AddressRefused for an address inside the deployment, or one that is nobody's."""
        plain = _plain(address)
        if any(plain in network for network in self.networks if network.version == plain.version):
            return
        is_nobodys = not plain.is_global or plain.is_multicast or plain.is_reserved
        if is_nobodys or any(plain in one for one in _INTO_NETWORKS):
            raise AddressRefused("this address is not a public one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came back."""

    status: int
    headers: Mapping[str, str]


class GuardedClient:
    """Posts, follows nobody to another address, and reads no more of an answer than it must."""

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        timeout_seconds: float = 10.0,
        resolver: Resolver = system_resolver,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._timeout_seconds = timeout_seconds
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context or ssl.create_default_context(),
            max_connections=100,
            keepalive_expiry=15.0,
            network_backend=_GuardedNetwork(policy, resolver),
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        """The answer, a redirection too; raises AddressRefused and NoAnswer."""
        self._policy.check(url)
        phase = self._timeout_seconds
        timeouts = {"connect": phase, "read": phase, "write": phase, "pool": phase}
        try:
            async with asyncio.timeout(self._timeout_seconds):
                async with self._pool.stream(
                    "POST", url, headers=list(headers.items()), content=body, extensions={"timeout": timeouts}
                ) as response:
                    await _read(response)
                    return Answered(status=response.status, headers=_texts(response.headers))
        except (TimeoutError, httpcore.TimeoutException) as error:
            raise NoAnswer("no answer in time") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise NoAnswer(f"not reached ({type(error).__name__})") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.aclose()


class _GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to addresses that the policy allows, and to exactly those that it judged."""

    def __init__(self, policy: AddressPolicy, resolver: Resolver) -> None:
        self._policy = policy
        self._resolver = resolver
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's own parameter
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """If any address that the name resolves to is refused, so is the name."""
        try:
            named = {text.partition("%")[0] for text in await self._resolver(host, port)}
        except UnicodeError as error:  # what the resolver cannot even spell
            raise httpcore.ConnectError("no such name can be") from error
        found = sorted(map(ipaddress.ip_address, named), key=lambda address: (address.version, int(address)))
        for address in found:
            self._policy.check_address(address)
        failure: httpcore.NetworkError = httpcore.ConnectError("the name resolves to nothing")
        for address in found:
            try:
                return await self._network.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except httpcore.NetworkError as error:
                failure = error
        raise failure

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise httpcore.ConnectError("no sockets of this machine")

    async def sleep(self, seconds: float) -> None:
        """As the network's own."""
        await self._network.sleep(seconds)


async def _read(response: httpcore.Response) -> None:
    """Read a short answer to its end, so that the connection can be used again; of a long one nothing more."""
    count = 0
    async for part in response.aiter_stream():
        count += len(part)
        if count > _MOST_ANSWER_BYTES:
            return


def _split(url: str) -> SplitResult:
    if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise AddressRefused(f"at most {_LONGEST_URL} visible ASCII characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressRefused("not an address of the form https://host/path") from error
    if (
        port == 0
        or "@" in parts.netloc
        or parts.fragment
        or parts.scheme not in {"http", "https"}
        or not parts.hostname
    ):
        raise AddressRefused("https://host/path, without user, password or fragment")
    return parts


def _literal(host: str) -> Address | None:
    """The address that is written as one, in any form that a system would read as one."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))  # 127.1, 0x7f.1, 2130706433
    except OSError:
        return None


def _can_be_a_name(host: str) -> bool:
    """Whether a resolver can be asked for it: its labels hold 1 to 63 characters."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def _plain(address: Address) -> Address:
    """The IPv4 address in an IPv6 one that only wraps it."""
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        return wrapped or address
    return address


def _is_host(host: str, wanted: str) -> bool:
    plain = host.rstrip(".")
    return plain.endswith(wanted) if wanted.startswith(".") else plain == wanted


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
