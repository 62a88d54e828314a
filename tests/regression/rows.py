"""A record that tests of the regression change."""

from sgbench.results.records import Record

ANY = Record(
    system="sggan-500-s0",
    method="sggan",
    variant="",
    level="500",
    seed=0,
    dataset="faces",
    image_size=32,
    target="gender",
    direction="all",
    measured_on="smile",
    metric="accuracy",
    definition="most probable value",
    value=0.9,
    low=0.88,
    high=0.92,
    num_images=2000,
    unit="share",
    origin="measured",
)
