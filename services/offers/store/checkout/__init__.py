"""The two statements that checkouts share: one reads, one makes decisions durable."""
