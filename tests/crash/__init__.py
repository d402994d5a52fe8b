"""What is promised across kill -9, each promise under many of them."""
