SELECT s.system_identifier::text AS system_identifier, c.timeline_id AS timeline
  FROM pg_catalog.pg_control_system() s, pg_catalog.pg_control_checkpoint() c
