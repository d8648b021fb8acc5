CREATE TABLE IF NOT EXISTS strongroom_sessions (
  version bigint NOT NULL,
  expires_at bigint NOT NULL,
  purge_at bigint NOT NULL,
  created_at bigint NOT NULL,
  place bigint GENERATED ALWAYS AS IDENTITY,
  id bytea PRIMARY KEY,
  owner bytea,
  label bytea,
  payload bytea NOT NULL
) WITH (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.05,
  vacuum_truncate = false
);
ALTER TABLE strongroom_sessions ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE INDEX IF NOT EXISTS strongroom_sessions_purge ON strongroom_sessions (purge_at, place);
CREATE INDEX IF NOT EXISTS strongroom_sessions_owner ON strongroom_sessions (owner, place) WHERE owner IS NOT NULL;
COMMENT ON TABLE strongroom_sessions IS 'strongroom format 1';
