"""Deploy an app: what its manifest wants, what a platform has, the plan that leads there, and its execution."""
