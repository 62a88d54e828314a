"""Methods that SG-GAN is compared with."""
