"""What a till is told at a checkout, as it is stored, answered and shown again."""
