-- Roles belong to the whole server, so this runs before the migrations, every time, and changes nothing that is right.
-- Timeouts are the roles' own: a SET in a session would pin a connection of RDS Proxy.
DO $$
DECLARE
    role text;
    setting record;
    becoming CONSTANT text := CASE WHEN current_setting('server_version_num')::integer >= 160000
                                   THEN 'SET' ELSE 'MEMBER' END;
BEGIN
    FOREACH role IN ARRAY ARRAY['vendorpay_app', 'vendorpay_readonly'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database of the server was being set up at the same moment
            END;
        END IF;
        -- transaction_timeout, known from 17 on, also ends what the idle timeout misses: a process frozen between two
        -- pipelines. What a role has already is somebody's decision, and stays.
        FOR setting IN
            SELECT w.name, w.value
            FROM (VALUES ('statement_timeout', '10s'), ('lock_timeout', '5s'), ('transaction_timeout', '30s'),
                         ('idle_in_transaction_session_timeout', '15s'), ('timezone', 'UTC')) AS w (name, value)
            WHERE EXISTS (SELECT FROM pg_settings s WHERE lower(s.name) = w.name)
              AND NOT EXISTS (SELECT FROM pg_roles r, unnest(r.rolconfig) AS c
                              WHERE r.rolname = role AND lower(c) LIKE w.name || '=%')
        LOOP
            BEGIN
                EXECUTE format('ALTER ROLE %I SET %I = %L', role, setting.name, setting.value);
            EXCEPTION WHEN insufficient_privilege OR internal_error THEN
                NULL;  -- not ours to change, or being changed at the same moment; connections bring their own, too
            END;
        END LOOP;
        -- From 16 on whoever makes a role is its member with ADMIN alone, which is not enough to become it.
        IF NOT pg_has_role(current_user, role, becoming) THEN
            EXECUTE format('GRANT %I TO %I', role, current_user);
        END IF;
    END LOOP;
END $$;
