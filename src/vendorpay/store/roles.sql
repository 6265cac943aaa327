-- Roles belong to the whole server, so this runs before the migrations, every time, and changes nothing that is right.
-- Timeouts are the roles' own: a SET in a session would pin a connection of RDS Proxy.
DO $$
DECLARE
    role text;
    becoming CONSTANT text := CASE WHEN current_setting('server_version_num')::integer >= 160000
                                   THEN 'SET' ELSE 'MEMBER' END;
BEGIN
    FOREACH role IN ARRAY ARRAY['vendorpay_app', 'vendorpay_readonly'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
                EXECUTE format('ALTER ROLE %I SET statement_timeout = ''10s''', role);
                EXECUTE format('ALTER ROLE %I SET lock_timeout = ''5s''', role);
                EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = ''15s''', role);
                -- It also ends what the idle timeout can miss: a process frozen between two pipelines.
                IF current_setting('server_version_num')::integer >= 170000 THEN
                    EXECUTE format('ALTER ROLE %I SET transaction_timeout = ''30s''', role);
                END IF;
                EXECUTE format('ALTER ROLE %I SET timezone = ''UTC''', role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database of the server was being set up at the same moment
            END;
        END IF;
        -- From 16 on whoever makes a role is its member with ADMIN alone, which is not enough to become it.
        IF NOT pg_has_role(current_user, role, becoming) THEN
            EXECUTE format('GRANT %I TO %I', role, current_user);
        END IF;
    END LOOP;
END $$;
