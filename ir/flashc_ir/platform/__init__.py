"""Facts about the platform: hardware, places, images, distributions."""
