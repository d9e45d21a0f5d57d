"""Policy documents as files, and simulations that use every core."""
