"""The flow: a project.yaml in, its stages run in order, each redone only when its inputs changed."""
