"""What the day's close learns of every shelf: demand, its spread, how much safety pays; pure, whole items at a time, no SQL and no clock."""
