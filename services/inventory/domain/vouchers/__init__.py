"""Printed vouchers as demand to come."""
