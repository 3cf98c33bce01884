"""What moves stock: receipts, and stock facts."""
