"""Long runs: ``make soak``. CI runs the short form of each."""
