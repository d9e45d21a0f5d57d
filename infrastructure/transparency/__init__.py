"""What makes the log verifiable by others: tree nodes, signed checkpoints, proofs and exports."""
