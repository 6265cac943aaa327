"""What the ports of vendorpay.ports look like on a laptop and, later, on AWS."""
