"""Evaluate the tops of modules on values that may be unknown.

The layers, each of which imports the ones below it only:

- `interpreter`: the machine with its doors open
- `execution`: expressions, statements, definitions, calls, imports
- `library`: Python's builtins, methods and standard library on values
- `operations`: operators, comparisons, containers, iteration
- `machine`: the state of one evaluation, its limits, and its four doors
- `dialect`, `declarations`: what an SDK adds, and the endpoints that it finds
- `values`, `objects`, `failures`: what a program computes with

What is below reaches what is above through the machine's doors: `evaluate(node, frame)`,
`execute(suite, frame)`, `call(callee, arguments)` and `module(name)`.
"""
