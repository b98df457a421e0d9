"""`tieout doctor`: looks at everything a run needs, and says what stands in its way."""
