"""Time zones by the names that others give them."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def known_zone(name: str) -> str:
    """The name of a time zone, `UTC` for one that nobody knows: no lane, no store and no till must stop for a misspelt zone.

    >>> known_zone("Europe/Paris"), known_zone("Europe/Pariss")
    ('Europe/Paris', 'UTC')
    """
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"
