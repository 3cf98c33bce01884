"""Which commands a person must agree to: rules as data, checked by the review for every new command; the rest is approved at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from services.inventory.domain.commands.basis import Need
from services.inventory.domain.commands.command import APPROVAL, Command, Hold
from services.inventory.domain.measure import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What was asked for of an item in a store over the last weeks."""

    commands: int
    quantity_milli: int
    """Per command, on average."""


class ApprovalRule(BaseModel):
    """When commands of some kinds and categories (none named: all) wait for a person. None switches a condition off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kinds: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    free_below_cents: int = 0
    """Goods worth less than this are never held: a person's time costs more."""
    greatest_stake_cents: int | None = None
    greatest_times_usual: float | None = None
    """How many times the usual order of this item in this store."""
    least_commands: int = 2
    """How many orders make it usual."""
    least_seen_days: float | None = None
    """An item that a store has had for less than this is new."""
    greatest_spread_ratio: float | None = None
    """Standard deviation over mean of the demand that the order is for."""

    def covers(self, command: Command, category: str) -> bool:
        """Whether the rule speaks of such a command."""
        is_its_kind = not self.kinds or command.kind.value in self.kinds
        return is_its_kind and (not self.categories or category in self.categories)


class ApprovalPolicy(BaseModel):
    """The rules of a chain: the first that covers a command decides. No rules: everything is approved at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[ApprovalRule, ...] = ()

    def rule_for(self, command: Command, category: str) -> ApprovalRule | None:
        """The rule that decides on it."""
        return next((rule for rule in self.rules if rule.covers(command, category)), None)


ALL_APPROVED = ApprovalPolicy()


def hold_of(command: Command, rule: ApprovalRule | None, usual: Usual | None) -> Hold | None:
    """Why the command waits for a person, in one line with the first thing that counts; None where it need not."""
    if rule is None or (command.stake_cents is not None and command.stake_cents < rule.free_below_cents):
        return None
    reasons = [*_money(command, rule), *_deviation(command, rule, usual), *_doubt(command, rule)]
    return Hold(by=APPROVAL, reason="; ".join(reasons)) if reasons else None


def _money(command: Command, rule: ApprovalRule) -> Sequence[str]:
    stake, greatest = command.stake_cents, rule.greatest_stake_cents
    if stake is None or greatest is None or stake < greatest:
        return ()
    return (f"goods worth {stake / 100:.2f}, from {greatest / 100:.2f} on a person decides",)


def _deviation(command: Command, rule: ApprovalRule, usual: Usual | None) -> Sequence[str]:
    greatest = rule.greatest_times_usual
    if greatest is None or usual is None or usual.commands < rule.least_commands or usual.quantity_milli <= 0:
        return ()
    times = command.quantity_milli / usual.quantity_milli
    if times < greatest:
        return ()
    return (f"{plain(command.quantity_milli)} is {times:.1f} times the usual {usual.quantity_milli / 1000:.1f}",)


def _doubt(command: Command, rule: ApprovalRule) -> Sequence[str]:
    need = command.basis
    if not isinstance(need, Need):
        return ()
    reasons = []
    if rule.least_seen_days is not None and need.shelf_days < rule.least_seen_days:
        reasons.append(f"new here: seen on {need.shelf_days:.0f} days")
    spread = need.spread_units / max(need.expected_units, 1e-9)
    if rule.greatest_spread_ratio is not None and spread >= rule.greatest_spread_ratio:
        reasons.append(f"uncertain: {need.expected_units:.1f} expected, give or take {need.spread_units:.1f}")
    return reasons
