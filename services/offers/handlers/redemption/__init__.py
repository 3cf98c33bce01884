"""Redeeming at a till: one code, several, or a voucher held until the till decides."""
