"""What is on the shelves, as facts tell it and as a review sees it."""
