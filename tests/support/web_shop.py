"""A small web shop on loopback whose pages load the tracker, the door and profile behind it, and a visitor's browser."""

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from selenium.webdriver import Chrome

from libs.common.contracts import Event, decode
from libs.common.http.credentials import new_key, read_credentials, write_credentials
from libs.common.streaming import StreamSettings
from libs.common.streaming.reader import TopicReader, TopicRecord
from libs.laptop.embedded_broker import EmbeddedBroker
from libs.laptop.launch import Service
from libs.laptop.state_folder import StateFolder
from tests.support.ingest_lab import FIRST_DOOR, WORKER, IngestLab

PATIENCE_SECONDS = 60.0
TOPICS = ("ingest.web.v1", "ingest.consent.v1")
_PAGE = """<!doctype html><title>{title}</title>
<script>window.usual=window.usual||function(){{(usual.q=usual.q||[]).push(arguments)}}</script>
<script async src="{door}/v1/tracker.js" data-key="{key}" onload="document.body.className='ready'"></script>
<body>{title}</body>"""


class Shop(ThreadingHTTPServer):
    """Pages of one site. `/plain` has no tracker."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Pages)
        self.door = ""
        self.key = ""

    @property
    def origin(self) -> str:
        """As browsers name the site."""
        return f"http://127.0.0.1:{self.server_port}"


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        shop = self.server
        assert isinstance(shop, Shop)
        title = self.path.strip("/").title() or "Home"
        page = "<!doctype html>" if self.path == "/plain" else _PAGE.format(title=title, door=shop.door, key=shop.key)
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing: a test's output is its own."""


@dataclass(frozen=True)
class WebShop:
    """The shop and the system behind it."""

    shop: Shop
    lab: IngestLab

    def customer(self, visitor: str) -> Mapping[str, Any] | None:
        """What the profile knows of a visitor, or of another identifier (`kind:value`); None before it has met one."""
        address = self.lab.record().addresses["profile"]
        query = {"identifier": visitor if ":" in visitor else f"web_visitor:{visitor}"}
        headers = {"x-api-key": self.lab.keys.key("office")}
        with httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=PATIENCE_SECONDS) as client:
            while (answer := client.get("/v1/customers", params=query)).status_code == httpx.codes.SERVICE_UNAVAILABLE:
                time.sleep(0.1)  # as it asks; a busy machine may make it
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        view: Mapping[str, Any] = answer.raise_for_status().json()
        return view

    def counts(self, visitor: str) -> Mapping[str, int]:
        """How often the visitor did what, by the profile."""
        known = self.customer(visitor)
        return {} if known is None else known["counts"]

    def requests_at_the_door(self) -> float:
        """How many requests have come that could carry events."""
        with httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS) as client:
            shown = client.get(f"{self.shop.door}/metrics").text
        samples = [each for family in text_string_to_metric_families(shown) for each in family.samples]
        return sum(
            each.value
            for each in samples
            if each.name == "http_requests_total" and each.labels["method"] in {"POST", "OPTIONS"}
        )

    def in_topics(self) -> list[Event]:
        """All that is in the topics that web events go to."""
        return asyncio.run(self._in_topics())

    async def _in_topics(self) -> list[Event]:
        settings = StreamSettings(bootstrap=self.lab.broker.bootstrap, client_id="onlooker")
        records: list[TopicRecord] = []
        async with TopicReader(settings, TOPICS) as reader:
            while not await reader.at_end():
                records += await reader.read()
        return [decode(record.headers, record.value or b"") for record in records]

    @contextlib.contextmanager
    def broker_away(self) -> Iterator[None]:
        """The broker answers nobody."""
        broker = self.lab.broker
        assert isinstance(broker, EmbeddedBroker)
        process = broker.child.process
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def running_web_shop(folder: Path) -> Iterator[WebShop]:
    """Shop, door, broker, profile."""
    shop = Shop()
    serving = Thread(target=shop.serve_forever, daemon=True)
    serving.start()
    lab = IngestLab(StateFolder(folder), broker="embedded", services=(FIRST_DOOR, Service("profile", "api"), WORKER))
    try:
        with lab.state.locked():
            shop.key = _web_key(lab, shop.origin)
            asyncio.run(lab.start())
            try:
                shop.door = lab.record().addresses["ingest"]
                yield WebShop(shop, lab)
            finally:
                asyncio.run(lab.stop())
    finally:
        shop.shutdown()
        shop.server_close()
        serving.join()


def _web_key(lab: IngestLab, origin: str) -> str:
    """A key for the pages of this site, in force from the start."""
    lab.keys.make()
    key, credential = new_key("web", frozenset({"web:write"}), origins=(origin,))
    write_credentials(lab.keys.credentials, [*read_credentials(lab.keys.credentials), credential])
    return key


@dataclass(frozen=True)
class Visitor:
    """Somebody with a browser in this shop."""

    browser: Chrome
    shop: Shop

    def open(self, path: str) -> None:
        """Go to a page and wait until the tracker has begun, where the page has one."""
        self.browser.get(self.shop.origin + path)
        if path != "/plain":
            self.browser.execute_async_script(
                "const done = arguments[0], look = () => document.body.className ? done() : setTimeout(look, 5); look()"
            )

    def usual(self, *told: object) -> None:
        """Call the tracker as a page does."""
        self.browser.execute_script("usual(...arguments)", *told)

    def run(self, script: str) -> Any:
        """What a script says that runs in the page."""
        return self.browser.execute_script(script)

    @property
    def stored(self) -> Mapping[str, Any]:
        """All that the site keeps in this browser, the tracker's share read."""
        kept: dict[str, str] = self.run("return {...localStorage, ...sessionStorage}")
        cookies = self.run("return document.cookie")
        read = {name: json.loads(value) for name, value in kept.items()}
        return {**read, "cookies": cookies} if cookies or self.browser.get_cookies() else read

    @property
    def id(self) -> str:
        """The visitor's id."""
        visitor: str = self.stored["usual"]["v"]
        return visitor

    @property
    def waiting(self) -> list[Mapping[str, Any]]:
        """The calls that the door has not acknowledged yet."""
        calls: list[Mapping[str, Any]] = self.stored.get("usual", {"q": []})["q"]
        return calls
