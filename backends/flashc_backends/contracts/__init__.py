"""Say how clients call the endpoints of an app: JSON Schema, OpenAPI, and what a change breaks."""
