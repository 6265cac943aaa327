-- The version of the service that counted limits itself (before 0021) is gone, and so are its rights. What the trigger
-- limit_usage_of_owner did for it stays: a right that is given by mistake counts for nothing.
REVOKE INSERT, UPDATE ON limit_usage FROM vendorpay_app;
