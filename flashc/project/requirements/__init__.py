"""Read the requirements of an app from every file in which a project may list them."""
