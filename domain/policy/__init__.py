"""Policy as a document: kinds, rules, expectations and routes, and how they are decided."""
