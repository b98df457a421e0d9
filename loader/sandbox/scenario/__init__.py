"""Who is on the platform, and what happens to them on which day."""
