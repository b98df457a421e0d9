"""The sandbox, tested over HTTP against a real process."""
