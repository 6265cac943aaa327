"""The service on AWS: thin entry points of Lambda functions over the same tables, use cases and SQL as everywhere."""

import os

from vendorpay.entrypoints.aws import lean_start

# This file runs before anything that a handler imports, and there alone nobody imports anything before it.
if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    lean_start.begin()
