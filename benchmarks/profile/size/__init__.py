"""How large a profile database grows, how fast it answers, how much memory its processes take; run by `make bench-profile-size`."""
