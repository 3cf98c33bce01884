"""The README's first events, sent as they stand there: curl, Python, JavaScript; all three end in one customer's profile."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Template

import httpx
import pytest

from tests.support.browser import eventually, running_browser
from tests.support.web_shop import Visitor, WebShop, running_web_shop

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("## Send your first event\n")[2].partition("\n## ")[0]


def example(language: str, beginning: str = "") -> str:
    """The section's example in this language."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)
    return next(block for block in found if block.startswith(beginning))


@pytest.fixture(scope="module")
def web_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebShop]:
    with running_web_shop(tmp_path_factory.mktemp("usual")) as running:
        yield running


def test_the_readmes_first_events_end_in_one_customers_profile(web_shop: WebShop, tmp_path: Path) -> None:
    told = {"DOOR": web_shop.shop.door, "KEY": web_shop.lab.keys.key("office")}
    assert curl(Template(example("sh", "curl")).substitute(told)).status_code == 202
    script = [sys.executable, "-W", "ignore", "-c", example("python")]
    told["NO_PROXY"] = "*"  # else a proxy of the machine would be asked for a loopback address
    subprocess.run(script, env={**os.environ, **told}, check=True, timeout=120)  # noqa: TID251 - what a shell passes on
    with running_browser(tmp_path / "browser") as browser:
        visitor = Visitor(browser, web_shop.shop)
        visitor.open("/plain")
        in_a_page = {**told, "KEY": web_shop.shop.key}
        browser.execute_async_script(
            f"const process = {{ env: arguments[0] }}, done = arguments[1]; (async () => {{ {example('js')} done() }})()",
            in_a_page,
        )
    wanted = {"visits": 1, "web:product": 1, "web:cart": 1}
    eventually(lambda: wanted.items() <= web_shop.counts("account:42").items(), f"{wanted} in the profile")


def curl(command: str) -> httpx.Response:
    """What curl would do: the machine may have none."""
    words = iter(shlex.split(command)[2:])
    url = next(words)
    headers, body = {}, ""
    for option, value in zip(words, words, strict=True):
        if option == "-H":
            name, _, text = value.partition(": ")
            headers[name] = text
        else:
            assert option == "-d", option
            body = value
    with httpx.Client(trust_env=False, timeout=60.0) as client:
        return client.post(url, headers=headers, content=body.encode())
