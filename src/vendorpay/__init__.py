"""vendorpay: completed work in, an approved, explained vendor payment out."""

__version__ = "0.1.0"
