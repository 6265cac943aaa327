"""vendorpay: completed work in, an approved, paid and explained vendor payment out."""

__version__ = "0.1.0"
