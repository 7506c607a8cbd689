"""The mathematics. NumPy only; nothing here draws, and nothing here knows PyTorch."""
