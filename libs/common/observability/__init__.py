"""How a process tells what it does: structured logs and health."""
