-- Whether this database can be worked with.

-- name: readiness
SELECT partition_months_left(%(now)s) AS months_left,
       (SELECT max(name) FROM schema_migrations) AS schema_version
