"""What stands behind the ports on AWS. Nothing here imports boto3 while it is imported itself."""
