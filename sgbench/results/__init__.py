"""What lies in a run folder and what it is called: records, scores, checksums; the paper's published numbers."""
