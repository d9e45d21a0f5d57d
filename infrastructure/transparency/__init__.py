"""The log as others can check it: nodes of the tree, signed checkpoints, proofs and exports."""
