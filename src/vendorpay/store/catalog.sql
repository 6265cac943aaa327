-- What the database itself says about its schema; partitions are left out, their parents speak for them.

-- name: tables
SELECT c.relname AS name, CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind,
       pg_get_partkeydef(c.oid) AS partitioned_by
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
ORDER BY kind, name

-- name: columns
SELECT c.relname AS table_name, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull AS required
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
ORDER BY c.relname, a.attnum

-- name: rules
-- NOT NULL is a constraint of its own from PostgreSQL 18 on; the columns say it already. A foreign key to a partitioned
-- table has a copy per partition, which would make this answer differ from month to month.
SELECT c.relname AS table_name, k.conname AS name, pg_get_constraintdef(k.oid) AS definition
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND k.contype <> 'n' AND k.conparentid = 0
ORDER BY c.relname, k.contype = 'c', k.conname

-- name: indexes
SELECT t.relname AS table_name, i.relname AS name, pg_get_indexdef(i.oid) AS definition
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
WHERE t.relnamespace = 'public'::regnamespace AND NOT t.relispartition
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.oid AND k.contype IN ('p', 'u'))
ORDER BY t.relname, i.relname

-- name: triggers
SELECT t.relname AS table_name, g.tgname AS name,
       regexp_replace(pg_get_triggerdef(g.oid), '^CREATE TRIGGER \S+ (.*) ON .* EXECUTE FUNCTION (.*)$', '\1: \2')
           AS definition
FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid
WHERE t.relnamespace = 'public'::regnamespace AND NOT t.relispartition AND NOT g.tgisinternal
ORDER BY t.relname, g.tgname

-- name: grants
SELECT c.relname AS table_name, r.rolname AS role, string_agg(DISTINCT p.privilege, ', ' ORDER BY p.privilege) AS may
FROM pg_class c
CROSS JOIN (VALUES ('vendorpay_app'), ('vendorpay_readonly')) AS r (rolname)
CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS p (privilege)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
  AND (has_table_privilege(r.rolname, c.oid, p.privilege)
       OR (p.privilege IN ('UPDATE') AND has_any_column_privilege(r.rolname, c.oid, p.privilege)))
GROUP BY c.relname, r.rolname
ORDER BY c.relname, r.rolname
