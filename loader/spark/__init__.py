"""The same models on a Spark cluster: `TIEOUT_ENGINE=spark`, installed with `.[spark]`."""
