"""Webhooks: subscribed, signed, delivered."""
