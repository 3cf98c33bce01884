"""Laws of the guarded client: no private address by any spelling, name or change of mind; no answer is not an error of ours."""

from collections.abc import Sequence

import pytest

from libs.common.http.guarded_client import AddressPolicy, AddressRefused, GuardedClient, NoAnswer

PUBLIC = AddressPolicy()


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/hook",
        "ftp://shop.example/",
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://172.16.0.9/",
        "https://169.254.169.254/latest/meta-data",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://0.0.0.0/",
        "https://100.64.0.1/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://[::1]/",
        "https://[::]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[fec0::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::]/",
        "https://localhost/",
        "https://api.localhost/",
        "https://user:word@shop.example/",
        "https://shop.example/#part",
        "https://shop.example:0/",
        "https://shop.example:99999/",
        "https:///nobody",
        "https://shop.example\\@10.0.0.1/",
        "https://shop.example/ x",
        "https://shop.example/\r\nhost: other",
        "https://" + "a" * 600 + ".example/",
        "https://" + "a" * 64 + ".example/",
        "https://shop..example/",
        "https://.example/",
        "",
    ],
)
def test_what_may_not_be_named(url: str) -> None:
    with pytest.raises(AddressRefused):
        PUBLIC.check(url)


@pytest.mark.parametrize("url", ["https://shop.example/hook?x=1", "https://8.8.8.8/", "https://shop.example:8443/a"])
def test_what_may_be_named(url: str) -> None:
    PUBLIC.check(url)


def test_a_list_of_hosts_lets_through_its_own_only() -> None:
    policy = AddressPolicy.of(["erp.example", ".partner.example"], [])
    for url in ("https://erp.example/", "https://ERP.example./", "https://a.partner.example/"):
        policy.check(url)
    for url in ("https://xerp.example/", "https://erp.example.evil.test/", "https://partner.example/"):
        with pytest.raises(AddressRefused):
            policy.check(url)


def test_a_private_network_opens_when_it_is_named_and_plain_http_stays_for_loopback() -> None:
    policy = AddressPolicy.of([], ["10.20.0.0/16", "127.0.0.0/8"])
    policy.check("https://10.20.3.4/")
    policy.check("http://127.0.0.1:8080/")
    for url in ("https://10.21.0.1/", "http://10.20.3.4/"):
        with pytest.raises(AddressRefused):
            policy.check(url)


class Resolver:
    """Answers each look with all of its addresses."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.addresses = addresses

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        return self.addresses


@pytest.mark.parametrize(
    "addresses", [["10.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::1"], ["::ffff:169.254.169.254"], ["fe80::1%eth0"]]
)
async def test_a_name_that_resolves_to_a_private_address_is_not_connected_to(addresses: list[str]) -> None:
    client = GuardedClient(PUBLIC, resolver=Resolver(addresses))
    with pytest.raises(AddressRefused):
        await client.post("https://rebound.example/", b"{}", {})
    await client.close()


async def test_a_name_that_no_resolver_can_spell_is_one_that_was_not_reached() -> None:
    async def spelled(host: str, port: int) -> Sequence[str]:
        raise UnicodeError(host, port)

    client = GuardedClient(PUBLIC, resolver=spelled)
    with pytest.raises(NoAnswer):
        await client.post("https://shop.example/", b"{}", {})
    await client.close()
