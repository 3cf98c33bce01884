"""From what a till asks to what is proposed: limits, wants, drafts; for checkouts live and from leases."""
