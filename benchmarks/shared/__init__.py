"""What scripts of several rooms need: results, pages, the machine."""
