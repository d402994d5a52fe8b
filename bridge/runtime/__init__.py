"""What the parts of one process share: the supervisor, signs of life, freshness, ports between doors."""
