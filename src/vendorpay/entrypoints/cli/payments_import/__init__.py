"""`vendorpay payments import`: a file of payments, sent in chunks that can be sent again, and resumed by line."""
