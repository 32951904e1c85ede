"""Evaluate the top level of modules by abstract interpretation, on values that may be unknown.

There are layers, each of which imports only those below it:

- `interpreter`: the machine with its entry points implemented
- `execution`: expressions, statements, definitions, calls, imports
- `library`: Python's builtins, methods and standard library on values
- `operations`: operators, comparisons, containers, iteration
- `machine`: the state of one evaluation, its limits, and its four entry points
- `dialect`, `declarations`: what an SDK adds, and the endpoints that it declares
- `values`, `objects`, `failures`: the values, objects and exceptions of the program

A lower layer reaches a higher one only through the machine's entry points: `evaluate(node, frame)`,
`execute(suite, frame)`, `call(callee, arguments)` and `module(name)`.
"""
