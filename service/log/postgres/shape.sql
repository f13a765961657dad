-- What the schema `matchspec` is made of: a kind, a name, and how it is defined, in words that no version changes.
SELECT 'table', relname, relkind::text || relpersistence::text || ' ' || relrowsecurity::text
FROM pg_class WHERE relnamespace = to_regnamespace('matchspec') AND relkind NOT IN ('i', 'c', 't')
UNION ALL
SELECT 'column', relname || '.' || attname, format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = to_regnamespace('matchspec') AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'index', relname, CASE WHEN indisvalid THEN '' ELSE 'not valid: ' END || pg_get_indexdef(indexrelid)
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE relnamespace = to_regnamespace('matchspec')
UNION ALL
SELECT 'trigger', tgname, tgenabled::text || ' ' || tgtype::text || ' ' || relname || ' ' || tgfoid::regproc::text
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = to_regnamespace('matchspec') AND NOT tgisinternal
UNION ALL
SELECT 'rule', relname || '.' || rulename, pg_get_ruledef(pg_rewrite.oid)
FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class
WHERE relnamespace = to_regnamespace('matchspec') AND relkind = 'r'
UNION ALL
SELECT 'function', proname, prosrc FROM pg_proc WHERE pronamespace = to_regnamespace('matchspec')
UNION ALL
SELECT 'comment', 'matchspec', obj_description(to_regnamespace('matchspec'), 'pg_namespace')
