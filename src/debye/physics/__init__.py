"""The solver: shapes, immersed elements, algebra, sampling. Never imports torch."""
