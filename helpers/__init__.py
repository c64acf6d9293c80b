"""What the notebooks import: from a dataset's files to a trained network, its figures and what can be said of it.

Data flows one way, and imports follow it: each module uses only those below it, and none knows of the pipeline that
runs the notebooks. The list, from the top down, is in pyproject.toml, where `lint-imports` checks it.
"""
