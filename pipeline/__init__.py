"""What runs the notebooks and makes pages of them."""
