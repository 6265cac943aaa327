"""`python -m vendorpay` is the command `vendorpay`."""

from vendorpay.entrypoints.cli.main import main

if __name__ == "__main__":
    main()
