"""After a change of rules: customers that nothing happened to are looked at in bounded rounds; who moves is folded again."""

from dataclasses import replace

from services.profile.handlers.judging import Judging, figures_of_customers
from services.profile.handlers.snapshots import Judgement
from services.profile.ports import ProfileStore
from services.profile.ports.segments import SweepRow, ids_of


async def reevaluate(store: ProfileStore, limit: int, judging: Judging) -> SweepRow:
    """Look at the next `limit` customers, and mark those that the rules in force put elsewhere; returns how far it is.

    A newer save starts it anew. Views are only made by folders: what is found here needs no lock, and a customer that
    changes meanwhile has a mark of its own. Nobody is forgotten until the commit: a mark of nobody would lie for ever.
    """
    await store.privacy.share()
    judgement = await judging.newest(store)
    sweep = await store.segments.lock_sweep()
    if sweep is None:
        return SweepRow(number=judgement.rules.number, finished=True)
    if sweep.number != judgement.rules.number:
        sample = await store.segments.sample(0)
        sweep = SweepRow(number=judgement.rules.number, customers_total=sample.customers_count)
    elif sweep.finished:
        return sweep
    after = await _looked_at(store, sweep, limit, judgement)
    await store.segments.save_sweep(after)
    return after


async def _looked_at(store: ProfileStore, sweep: SweepRow, limit: int, judgement: Judgement) -> SweepRow:
    customer_ids = await store.segments.customers_after(sweep.after_customer, limit)
    figures = await figures_of_customers(store, customer_ids, judgement.returns)
    members = await store.segments.members(customer_ids)
    moving = [
        customer_id
        for customer_id, known in figures.items()
        if frozenset(judgement.rules.segments_of(known)) != ids_of(members.get(customer_id, ()))
    ]
    await store.facets.mark_dirty(moving)
    return replace(
        sweep,
        after_customer=customer_ids[-1] if customer_ids else sweep.after_customer,
        customers_done=sweep.customers_done + len(customer_ids),
        changed_count=sweep.changed_count + len(moving),
        finished=len(customer_ids) < limit,
    )
