-- What 0014 put in the place of two checks holds for the rows of before, too. Apart from it, for this reads all payments,
-- beside those who write; 0014 keeps them out, but for a moment.
ALTER TABLE payments VALIDATE CONSTRAINT payments_currency_known;
ALTER TABLE payments VALIDATE CONSTRAINT payments_digest_is_sha256;
