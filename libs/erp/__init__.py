"""A reference adapter for inventory systems: commands become purchase orders and transfers, what the goods do comes back.

It runs on the inventory system's side and imports nothing of the services: events come by topic or by webhook, answers and stock
events go to the public doors. `ports.py` is what an inventory system has to offer; `ledger.py` offers it on SQLite.
"""
