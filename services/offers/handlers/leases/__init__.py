"""Vouchers leased ahead of time, handed out when there is no database, and bound to the books later."""
