"""The paper's attributes of faces; the embedded faces and CelebA both have them."""

from sgbench.data.labels import Attribute

ATTRIBUTES = (
    Attribute("gender", ("female", "male")),
    Attribute("smile", ("neutral", "smiling")),
    Attribute("hair_color", ("black", "blond"), exhaustive=False),
    Attribute("lipstick", ("bare", "painted")),
    Attribute("pale_skin", ("not_pale", "pale")),
)
