"""Facts about the platform: hardware, data centres, images, distributions, limits."""
