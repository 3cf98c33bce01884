"""What is printed under a receipt: one template, laid once, rendered as text, printer's bytes, picture and e-receipt."""
