"""Provide facts about the Runpod platform: hardware, data centres, images, packages, limits."""
