"""The peer: quixstreams with its default durable state (RocksDB and a changelog topic); run by a Python of its own, so nothing of ours is here.

`QUIX_PYTHON quix_peer.py BOOTSTRAP TOPIC BASKETS CATEGORIES.json`. It reads the same records as our worker does. Each basket adds to a
household's faded spend by product (300 kept) and by category, as in ordinary stream programs: read the state, change it, write it back.

What it does not do, and our worker does: drop repeats (its processing is at least once), hold bodies and headers against contracts,
know visits, weeks, stores, channels, and what was brought back, keep receipts for returns and voids, ask who was forgotten or linked,
make a view of each customer, publish it by version, count and time itself. Its clock begins with its first record, ours before that.
Prints one line of JSON when the last basket was taken.
"""

import json
import math
import os
import sys
import tempfile
import time
import uuid
from datetime import datetime
from pathlib import Path

from quixstreams import Application  # type: ignore[import-not-found, unused-ignore]  # of the other Python

FADING_SECONDS = 90 * 86_400.0 / math.log(2)
BEGAN_AT = 1_483_228_800
PRODUCTS_KEPT = 300


def added(state, basket, at, category_of):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - the peer's own plain style
    """The household's state after one more basket."""
    weight = math.exp((at - BEGAN_AT) / FADING_SECONDS)
    products, categories, total = state["p"], state["c"], 0.0
    for line in basket["lines"]:
        total += line["amount_cents"]
        amount = line["amount_cents"] * weight
        product = line["item_id"]
        category = category_of.get(product, "UNKNOWN")
        products[product] = products.get(product, 0.0) + amount
        categories[category] = categories.get(category, 0.0) + amount
    state["n"] += 1
    state["m"] += total * weight
    state["last"] = at
    if len(products) > PRODUCTS_KEPT * 1.25:
        state["p"] = dict(sorted(products.items(), key=lambda one: one[1], reverse=True)[:PRODUCTS_KEPT])
    return state


def main() -> None:
    """Run until so many baskets were taken."""
    bootstrap, topic, wanted, categories = sys.argv[1:5]
    category_of, taken = json.loads(Path(categories).read_text()), 0
    began = cpu_began = 0.0
    app = Application(
        broker_address=bootstrap,
        consumer_group=f"peer-{uuid.uuid4().hex[:8]}",
        auto_offset_reset="earliest",
        state_dir=tempfile.mkdtemp(),
        use_changelog_topics=True,
        loglevel="WARNING",
        commit_interval=1.0,
        request_timeout=30,
    )

    def take(basket, _key, _written_at, headers, state) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        nonlocal taken, began, cpu_began
        if not taken:
            began, cpu_began = time.perf_counter(), time.process_time()
        known = state.get("s") or {"p": {}, "c": {}, "n": 0, "m": 0.0, "last": 0}
        at = datetime.fromisoformat(next(text for name, text in headers if name == "ce_time").decode())
        state.set("s", added(known, basket, int(at.timestamp()), category_of))  # type: ignore[no-untyped-call]
        taken += 1
        if taken % 10_000 == 0:
            print(json.dumps({"taken": taken}), flush=True)
        if taken >= int(wanted):
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
            print(json.dumps({"taken": taken, "seconds": seconds, "cpu_seconds": cpu}), flush=True)
            os._exit(0)

    read = app.topic(topic, value_deserializer="json", key_deserializer="str")
    app.dataframe(read).apply(take, stateful=True, metadata=True)
    app.run()


if __name__ == "__main__":
    main()
