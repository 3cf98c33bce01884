"""Builders, fakes and real dependencies that the tests share."""
