"""What Holdall is measured against: the least that does the same job, and what most would write instead."""
