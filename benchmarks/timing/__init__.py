"""What the benchmarks of training steps share: cases, versions of a step, measurements, how they are written down."""
