// The relations of pg_catalog.
#include <fmt/format.h>

#include <array>
#include <string_view>

#include "server/postgres_catalog.h"

namespace server {
namespace {

// What LakeSql fills; oids are the same at every start.
constexpr auto kLakeTables = std::to_array<std::string_view>({
    R"(CREATE TABLE lake_tables (oid BIGINT, schema_oid BIGINT, key_oid BIGINT, name VARCHAR,
  schema_name VARCHAR, table_name VARCHAR, version BIGINT, committed_at TIMESTAMPTZ, rows BIGINT,
  bytes BIGINT, files BIGINT, description VARCHAR, key VARCHAR[], model VARCHAR))",
    "CREATE TABLE lake_column_facts (oid BIGINT, column_name VARCHAR, required BOOLEAN, "
    "comment VARCHAR)",
    R"(CREATE VIEW lake_columns AS SELECT l.oid, l.schema_name, l.table_name, c.column_name,
  CAST(c.column_index AS SMALLINT) AS number, c.data_type,
  CAST(duckdb_type_oid(c.data_type) AS BIGINT) AS type,
  CASE WHEN c.data_type LIKE 'DECIMAL%' THEN c.numeric_precision * 65536 + c.numeric_scale + 4
    ELSE -1 END AS typmod,
  coalesce(f.required, false) OR list_contains(l.key, c.column_name) AS required
  FROM duckdb_columns() c
  JOIN lake_tables l ON l.schema_name = c.schema_name AND l.table_name = c.table_name
  LEFT JOIN (SELECT oid, column_name, bool_or(required) AS required FROM lake_column_facts
    GROUP BY ALL) f ON f.oid = l.oid AND f.column_name = c.column_name
  WHERE c.database_name = 'waybill' AND NOT c.internal)",
    // The columns of the key, in the key's order.
    R"(CREATE VIEW lake_keys AS SELECT l.oid, l.key_oid, l.schema_oid, l.schema_name, l.table_name,
  l.table_name || '_pkey' AS key_name, list(c.number ORDER BY list_position(l.key, c.column_name))
  AS numbers, list(c.column_name ORDER BY list_position(l.key, c.column_name)) AS columns
  FROM lake_tables l JOIN lake_columns c ON c.oid = l.oid AND list_contains(l.key, c.column_name)
  GROUP BY ALL)",
});

// For the macros of postgres_catalog_functions.cpp: a macro's argument is copied into its body,
// where a column of an inner relation would hide the one that it names. These have names that no
// query has.
constexpr auto kHidden = std::to_array<std::string_view>({
    "CREATE VIEW wb_tables AS SELECT oid AS wb_oid, key_oid AS wb_key, schema_name AS wb_schema, "
    "bytes AS wb_bytes FROM lake_tables",
    "CREATE VIEW wb_keys AS SELECT key_oid AS wb_oid, key_name AS wb_name, schema_name AS "
    "wb_schema, table_name AS wb_table, columns AS wb_columns FROM lake_keys",
    "CREATE VIEW wb_descriptions AS SELECT objoid AS wb_oid, objsubid AS wb_number, description AS "
    "wb_text FROM pg_description",
    "CREATE VIEW wb_types AS SELECT oid AS wb_oid, typname AS wb_name FROM pg_type",
    "CREATE VIEW wb_schemas AS SELECT oid AS wb_oid, nspname AS wb_name FROM pg_namespace",
    "CREATE VIEW wb_relations AS SELECT c.oid AS wb_oid, c.relname AS wb_name, s.nspname AS "
    "wb_schema FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace",
});

struct SystemRelation {
  int oid;
  std::string_view name;
};
// Those that clients name as 'pg_class'::regclass, by PostgreSQL's own numbers.
constexpr auto kSystemRelations = std::to_array<SystemRelation>({
    {1247, "pg_type"},      {1249, "pg_attribute"},   {1255, "pg_proc"},    {1259, "pg_class"},
    {1262, "pg_database"},  {1260, "pg_authid"},      {2604, "pg_attrdef"}, {2606, "pg_constraint"},
    {2608, "pg_depend"},    {2609, "pg_description"}, {2610, "pg_index"},   {2611, "pg_inherits"},
    {2612, "pg_language"},  {2615, "pg_namespace"},   {2618, "pg_rewrite"}, {2620, "pg_trigger"},
    {3079, "pg_extension"}, {3456, "pg_collation"},   {3501, "pg_enum"},
});

constexpr auto kViews = std::to_array<std::string_view>({
    R"(CREATE VIEW pg_namespace AS SELECT DISTINCT schema_oid AS oid, schema_name AS nspname,
  CAST(10 AS BIGINT) AS nspowner, CAST(NULL AS VARCHAR[]) AS nspacl
  FROM lake_tables WHERE schema_name <> 'public'
  UNION ALL VALUES (2200, 'public', 10, NULL), (11, 'pg_catalog', 10, NULL),
  (99, 'information_schema', 10, NULL))",
    R"(CREATE VIEW pg_attribute AS SELECT c.oid AS attrelid, c.column_name AS attname,
  c.type AS atttypid, -1 AS attstattarget, t.typlen AS attlen, c.number AS attnum, 0 AS attndims,
  -1 AS attcacheoff, c.typmod AS atttypmod, t.typbyval AS attbyval,
  CASE WHEN t.typlen > 0 THEN 'p' ELSE 'x' END AS attstorage, 'i' AS attalign,
  '' AS attcompression, c.required AS attnotnull, false AS atthasdef, false AS atthasmissing,
  '' AS attidentity, '' AS attgenerated, false AS attisdropped, true AS attislocal,
  0 AS attinhcount, CAST(0 AS BIGINT) AS attcollation, CAST(NULL AS VARCHAR[]) AS attacl,
  CAST(NULL AS VARCHAR[]) AS attoptions, CAST(NULL AS VARCHAR[]) AS attfdwoptions,
  CAST(NULL AS VARCHAR) AS attmissingval
  FROM (SELECT oid, column_name, number, type, typmod, required FROM lake_columns
    UNION ALL SELECT k.key_oid, c.column_name, CAST(list_position(k.columns, c.column_name) AS
    SMALLINT), c.type, c.typmod, false FROM lake_keys k JOIN lake_columns c ON c.oid = k.oid
    AND list_contains(k.columns, c.column_name)) c
  JOIN pg_type t ON t.oid = c.type)",
    R"(CREATE VIEW pg_constraint AS SELECT CAST(2606 AS BIGINT) AS tableoid, key_oid AS oid,
  key_name AS conname,
  schema_oid AS connamespace, 'p' AS contype, false AS condeferrable, false AS condeferred,
  true AS convalidated, oid AS conrelid, CAST(0 AS BIGINT) AS contypid, key_oid AS conindid,
  CAST(0 AS BIGINT) AS conparentid, CAST(0 AS BIGINT) AS confrelid, ' ' AS confupdtype,
  ' ' AS confdeltype, ' ' AS confmatchtype, true AS conislocal, 0 AS coninhcount,
  true AS connoinherit, numbers AS conkey, CAST(NULL AS SMALLINT[]) AS confkey,
  CAST(NULL AS BIGINT[]) AS conpfeqop, CAST(NULL AS BIGINT[]) AS conppeqop,
  CAST(NULL AS BIGINT[]) AS conffeqop, CAST(NULL AS SMALLINT[]) AS confdelsetcols,
  CAST(NULL AS BIGINT[]) AS conexclop, CAST(NULL AS VARCHAR) AS conbin FROM lake_keys)",
    R"(CREATE VIEW pg_index AS SELECT key_oid AS indexrelid, oid AS indrelid,
  CAST(len(numbers) AS SMALLINT) AS indnatts, CAST(len(numbers) AS SMALLINT) AS indnkeyatts,
  true AS indisunique, false AS indnullsnotdistinct, true AS indisprimary,
  false AS indisexclusion, true AS indimmediate,
  false AS indisclustered, true AS indisvalid, false AS indcheckxmin, true AS indisready,
  true AS indislive, false AS indisreplident, numbers AS indkey,
  list_transform(numbers, lambda n: CAST(0 AS BIGINT)) AS indcollation,
  list_transform(numbers, lambda n: CAST(0 AS BIGINT)) AS indclass,
  list_transform(numbers, lambda n: CAST(0 AS SMALLINT)) AS indoption,
  CAST(NULL AS VARCHAR) AS indexprs, CAST(NULL AS VARCHAR) AS indpred FROM lake_keys)",
    R"(CREATE VIEW pg_indexes AS SELECT schema_name AS schemaname, table_name AS tablename,
  key_name AS indexname, CAST(NULL AS VARCHAR) AS tablespace,
  'CREATE UNIQUE INDEX ' || key_name || ' ON ' || schema_name || '.' || table_name ||
  ' USING btree (' || array_to_string(columns, ', ') || ')' AS indexdef FROM lake_keys)",
    R"(CREATE VIEW pg_description AS SELECT oid AS objoid, CAST(1259 AS BIGINT) AS classoid,
  0 AS objsubid, description FROM lake_tables WHERE description IS NOT NULL
  UNION ALL SELECT f.oid, 1259, CAST(c.number AS INTEGER), f.comment FROM lake_column_facts f
  JOIN lake_columns c ON c.oid = f.oid AND c.column_name = f.column_name
  WHERE f.comment IS NOT NULL)",
    R"(CREATE VIEW pg_database AS SELECT CAST(1 AS BIGINT) AS oid, 'waybill' AS datname,
  CAST(10 AS BIGINT) AS datdba, 6 AS encoding, 'c' AS datlocprovider, false AS datistemplate,
  true AS datallowconn, -1 AS datconnlimit, CAST(0 AS BIGINT) AS datfrozenxid,
  CAST(1 AS BIGINT) AS datminmxid, CAST(1663 AS BIGINT) AS dattablespace,
  'C.UTF-8' AS datcollate, 'C.UTF-8' AS datctype, CAST(NULL AS VARCHAR) AS daticulocale,
  CAST(NULL AS VARCHAR) AS datcollversion, CAST(NULL AS VARCHAR[]) AS datacl)",
    R"(CREATE VIEW pg_roles AS SELECT CAST(10 AS BIGINT) AS oid,
  getvariable('pg_settings')['session_authorization'] AS rolname, false AS rolsuper,
  true AS rolinherit, false AS rolcreaterole, false AS rolcreatedb, true AS rolcanlogin,
  false AS rolreplication, -1 AS rolconnlimit, CAST(NULL AS VARCHAR) AS rolpassword,
  CAST(NULL AS TIMESTAMPTZ) AS rolvaliduntil, false AS rolbypassrls,
  CAST(NULL AS VARCHAR[]) AS rolconfig)",
    "CREATE VIEW pg_authid AS SELECT * FROM pg_roles",
    R"(CREATE VIEW pg_user AS SELECT rolname AS usename, oid AS usesysid,
  rolcreatedb AS usecreatedb, rolsuper AS usesuper, rolreplication AS userepl,
  rolbypassrls AS usebypassrls, rolpassword AS passwd, rolvaliduntil AS valuntil,
  rolconfig AS useconfig FROM pg_roles)",
    R"(CREATE VIEW pg_am AS SELECT CAST(2 AS BIGINT) AS oid, 'heap' AS amname,
  'heap_tableam_handler' AS amhandler, 't' AS amtype
  UNION ALL VALUES (403, 'btree', 'bthandler', 'i'))",
    R"(CREATE VIEW pg_settings AS SELECT e.key AS name, e.value AS setting,
  CAST(NULL AS VARCHAR) AS unit, '' AS category, '' AS short_desc,
  CAST(NULL AS VARCHAR) AS extra_desc, 'user' AS context, 'string' AS vartype,
  'session' AS source, CAST(NULL AS VARCHAR) AS min_val, CAST(NULL AS VARCHAR) AS max_val,
  CAST(NULL AS VARCHAR[]) AS enumvals, e.value AS boot_val, e.value AS reset_val,
  CAST(NULL AS VARCHAR) AS sourcefile, CAST(NULL AS INTEGER) AS sourceline,
  false AS pending_restart FROM (SELECT unnest(map_entries(getvariable('pg_settings'))) AS e))",
    R"(CREATE VIEW pg_tables AS SELECT schema_name AS schemaname, table_name AS tablename,
  getvariable('pg_settings')['session_authorization'] AS tableowner,
  CAST(NULL AS VARCHAR) AS tablespace, len(key) > 0 AS hasindexes, false AS hasrules,
  false AS hastriggers, false AS rowsecurity FROM lake_tables)",
    R"(CREATE VIEW pg_stat_user_tables AS SELECT oid AS relid, schema_name AS schemaname,
  table_name AS relname, CAST(0 AS BIGINT) AS seq_scan, CAST(0 AS BIGINT) AS seq_tup_read,
  CAST(0 AS BIGINT) AS idx_scan, CAST(0 AS BIGINT) AS idx_tup_fetch,
  CAST(0 AS BIGINT) AS n_tup_ins, CAST(0 AS BIGINT) AS n_tup_upd, CAST(0 AS BIGINT) AS n_tup_del,
  rows AS n_live_tup, CAST(0 AS BIGINT) AS n_dead_tup, committed_at AS last_analyze,
  committed_at AS last_autoanalyze, CAST(NULL AS TIMESTAMPTZ) AS last_vacuum,
  CAST(NULL AS TIMESTAMPTZ) AS last_autovacuum FROM lake_tables)",
    "CREATE VIEW pg_stat_all_tables AS SELECT * FROM pg_stat_user_tables",
    R"(CREATE VIEW pg_collation AS SELECT * FROM (VALUES (CAST(100 AS BIGINT), 'default',
  CAST(11 AS BIGINT), CAST(10 AS BIGINT), 'd', true, -1, NULL, NULL, NULL, NULL),
  (950, 'C', 11, 10, 'c', true, -1, 'C', 'C', NULL, NULL)) t(oid, collname, collnamespace,
  collowner, collprovider, collisdeterministic, collencoding, collcollate, collctype,
  colliculocale, collversion))",
    R"(CREATE VIEW pg_tablespace AS SELECT CAST(1663 AS BIGINT) AS oid, 'pg_default' AS spcname,
  CAST(10 AS BIGINT) AS spcowner, CAST(NULL AS VARCHAR[]) AS spcacl,
  CAST(NULL AS VARCHAR[]) AS spcoptions)",
    R"(CREATE VIEW pg_language AS SELECT CAST(14 AS BIGINT) AS oid, 'sql' AS lanname,
  CAST(10 AS BIGINT) AS lanowner, false AS lanispl, true AS lanpltrusted,
  CAST(2612 AS BIGINT) AS tableoid, CAST(NULL AS VARCHAR[]) AS lanacl, CAST(0 AS BIGINT) AS lanplcallfoid,
  CAST(0 AS BIGINT) AS laninline, CAST(0 AS BIGINT) AS lanvalidator)",
});

// A lake table is a view to DuckDB and a table to clients.
std::string class_view() {
  std::string system;
  for (const auto& [oid, name] : kSystemRelations) {
    system += fmt::format("{}({}, '{}')", system.empty() ? "" : ", ", oid, name);
  }
  return R"(CREATE VIEW pg_class AS SELECT r.oid, r.relname, r.relnamespace,
  CAST(0 AS BIGINT) AS reltype, CAST(0 AS BIGINT) AS reloftype, CAST(10 AS BIGINT) AS relowner,
  CAST(CASE WHEN r.relkind = 'i' THEN 403 ELSE 2 END AS BIGINT) AS relam, r.oid AS relfilenode,
  CAST(0 AS BIGINT) AS reltablespace, CAST(greatest(r.bytes, 0) // 8192 AS INTEGER) AS relpages,
  CAST(r.rows AS FLOAT) AS reltuples, 0 AS relallvisible, CAST(0 AS BIGINT) AS reltoastrelid,
  r.indexed AS relhasindex, false AS relisshared, 'p' AS relpersistence, r.relkind,
  CAST(r.columns AS SMALLINT) AS relnatts, CAST(0 AS SMALLINT) AS relchecks,
  false AS relhasrules, false AS relhastriggers, false AS relhassubclass,
  false AS relrowsecurity, false AS relforcerowsecurity, true AS relispopulated,
  'd' AS relreplident, false AS relispartition, CAST(0 AS BIGINT) AS relrewrite,
  CAST(0 AS BIGINT) AS relfrozenxid, CAST(0 AS BIGINT) AS relminmxid,
  CAST(NULL AS VARCHAR[]) AS relacl, CAST(NULL AS VARCHAR[]) AS reloptions,
  CAST(NULL AS VARCHAR) AS relpartbound
  FROM (SELECT l.oid, l.table_name AS relname, l.schema_oid AS relnamespace, 'r' AS relkind,
    l.rows, l.bytes, len(l.key) > 0 AS indexed,
    (SELECT count(*) FROM lake_columns c WHERE c.oid = l.oid) AS columns FROM lake_tables l
    UNION ALL SELECT key_oid, key_name, schema_oid, 'i', -1, 0, false, len(columns) FROM lake_keys
    UNION ALL SELECT CAST(oid AS BIGINT), name, CAST(11 AS BIGINT), 'r', -1, 0, false, 0
    FROM (VALUES )" +
         system + ") s(oid, name)) r";
}

struct EmptyTable {
  std::string_view name;
  std::string_view columns;  // "name type, …"
};
// What a lake does not have: clients join these and must find nothing.
constexpr auto kEmpty = std::to_array<EmptyTable>({
    {"pg_attrdef", "oid BIGINT, adrelid BIGINT, adnum SMALLINT, adbin VARCHAR"},
    {"pg_inherits",
     "inhrelid BIGINT, inhparent BIGINT, inhseqno INTEGER, inhdetachpending BOOLEAN"},
    {"pg_policy",
     "oid BIGINT, polname VARCHAR, polrelid BIGINT, polcmd VARCHAR, polpermissive BOOLEAN, "
     "polroles BIGINT[], polqual VARCHAR, polwithcheck VARCHAR"},
    {"pg_trigger",
     "oid BIGINT, tgrelid BIGINT, tgparentid BIGINT, tgname VARCHAR, tgfoid BIGINT, "
     "tgtype SMALLINT, tgenabled VARCHAR, tgisinternal BOOLEAN, tgconstrrelid BIGINT, "
     "tgconstraint BIGINT, tgdeferrable BOOLEAN, tginitdeferred BOOLEAN, "
     "tgattr SMALLINT[], tgnargs SMALLINT"},
    {"pg_rewrite",
     "oid BIGINT, rulename VARCHAR, ev_class BIGINT, ev_type VARCHAR, ev_enabled VARCHAR, "
     "is_instead BOOLEAN"},
    {"pg_statistic_ext",
     "oid BIGINT, stxrelid BIGINT, stxname VARCHAR, stxnamespace BIGINT, stxowner BIGINT, "
     "stxstattarget INTEGER, stxkeys SMALLINT[], stxkind VARCHAR[], stxexprs VARCHAR"},
    {"pg_publication",
     "oid BIGINT, pubname VARCHAR, pubowner BIGINT, puballtables BOOLEAN, "
     "pubinsert BOOLEAN, pubupdate BOOLEAN, pubdelete BOOLEAN, pubtruncate BOOLEAN, "
     "pubviaroot BOOLEAN"},
    {"pg_publication_namespace", "oid BIGINT, pnpubid BIGINT, pnnspid BIGINT"},
    {"pg_publication_rel",
     "oid BIGINT, prpubid BIGINT, prrelid BIGINT, prqual VARCHAR, prattrs SMALLINT[]"},
    {"pg_shdescription", "objoid BIGINT, classoid BIGINT, description VARCHAR"},
    {"pg_depend",
     "classid BIGINT, objid BIGINT, objsubid INTEGER, refclassid BIGINT, refobjid BIGINT, "
     "refobjsubid INTEGER, deptype VARCHAR"},
    {"pg_enum", "oid BIGINT, enumtypid BIGINT, enumsortorder FLOAT, enumlabel VARCHAR"},
    {"pg_range",
     "rngtypid BIGINT, rngsubtype BIGINT, rngmultitypid BIGINT, rngcollation BIGINT, "
     "rngsubopc BIGINT"},
    {"pg_proc",
     "oid BIGINT, proname VARCHAR, pronamespace BIGINT, proowner BIGINT, prolang BIGINT, "
     "prokind VARCHAR, proretset BOOLEAN, prorettype BIGINT, proargtypes VARCHAR, "
     "pronargs SMALLINT, proargnames VARCHAR[], prosrc VARCHAR, proisstrict BOOLEAN, "
     "provolatile VARCHAR, proparallel VARCHAR, prosecdef BOOLEAN, proacl VARCHAR[], "
     "proallargtypes BIGINT[], proargmodes VARCHAR[], provariadic BIGINT, "
     "prosqlbody VARCHAR, probin VARCHAR, proleakproof BOOLEAN"},
    {"pg_extension",
     "oid BIGINT, extname VARCHAR, extowner BIGINT, extnamespace BIGINT, "
     "extrelocatable BOOLEAN, extversion VARCHAR"},
    {"pg_auth_members", "roleid BIGINT, member BIGINT, grantor BIGINT, admin_option BOOLEAN"},
    {"pg_foreign_table", "ftrelid BIGINT, ftserver BIGINT, ftoptions VARCHAR[]"},
    {"pg_foreign_server",
     "oid BIGINT, srvname VARCHAR, srvowner BIGINT, srvfdw BIGINT, srvtype VARCHAR, "
     "srvversion VARCHAR, srvacl VARCHAR[], srvoptions VARCHAR[]"},
    {"pg_partitioned_table",
     "partrelid BIGINT, partstrat VARCHAR, partnatts SMALLINT, partdefid BIGINT, "
     "partattrs VARCHAR, partclass BIGINT[], partcollation BIGINT[], partexprs VARCHAR"},
    {"pg_sequence",
     "seqrelid BIGINT, seqtypid BIGINT, seqstart BIGINT, seqincrement BIGINT, "
     "seqmax BIGINT, seqmin BIGINT, seqcache BIGINT, seqcycle BOOLEAN"},
    {"pg_sequences",
     "schemaname VARCHAR, sequencename VARCHAR, sequenceowner VARCHAR, data_type VARCHAR"},
    {"pg_views", "schemaname VARCHAR, viewname VARCHAR, viewowner VARCHAR, definition VARCHAR"},
    {"pg_matviews",
     "schemaname VARCHAR, matviewname VARCHAR, matviewowner VARCHAR, definition VARCHAR"},
    {"pg_event_trigger",
     "oid BIGINT, evtname VARCHAR, evtevent VARCHAR, evtowner BIGINT, evtenabled VARCHAR, "
     "evtfoid BIGINT, evttags VARCHAR[]"},
    {"pg_prepared_statements",
     "name VARCHAR, statement VARCHAR, prepare_time TIMESTAMPTZ, parameter_types VARCHAR[]"},
    {"pg_cast",
     "oid BIGINT, castsource BIGINT, casttarget BIGINT, castfunc BIGINT, "
     "castcontext VARCHAR, castmethod VARCHAR"},
    {"pg_operator",
     "oid BIGINT, oprname VARCHAR, oprnamespace BIGINT, oprowner BIGINT, oprkind VARCHAR, "
     "oprleft BIGINT, oprright BIGINT, oprresult BIGINT, oprcode BIGINT"},
    {"pg_opclass",
     "oid BIGINT, opcmethod BIGINT, opcname VARCHAR, opcnamespace BIGINT, opcowner BIGINT, "
     "opcfamily BIGINT, opcintype BIGINT, opcdefault BOOLEAN, opckeytype BIGINT"},
    {"pg_opfamily",
     "oid BIGINT, opfmethod BIGINT, opfname VARCHAR, opfnamespace BIGINT, opfowner BIGINT"},
    {"pg_aggregate", "aggfnoid BIGINT, aggkind VARCHAR, aggnumdirectargs SMALLINT"},
    {"pg_conversion",
     "oid BIGINT, conname VARCHAR, connamespace BIGINT, conowner BIGINT, "
     "conforencoding INTEGER, contoencoding INTEGER, conproc BIGINT, condefault BOOLEAN"},
    {"pg_default_acl",
     "oid BIGINT, defaclrole BIGINT, defaclnamespace BIGINT, defaclobjtype VARCHAR, "
     "defaclacl VARCHAR[]"},
    {"pg_db_role_setting", "setdatabase BIGINT, setrole BIGINT, setconfig VARCHAR[]"},
    {"pg_foreign_data_wrapper",
     "oid BIGINT, fdwname VARCHAR, fdwowner BIGINT, fdwhandler BIGINT, "
     "fdwvalidator BIGINT, fdwacl VARCHAR[], fdwoptions VARCHAR[]"},
    {"pg_user_mappings",
     "umid BIGINT, srvid BIGINT, srvname VARCHAR, umuser BIGINT, usename VARCHAR, "
     "umoptions VARCHAR[]"},
    {"pg_seclabel",
     "objoid BIGINT, classoid BIGINT, objsubid INTEGER, provider VARCHAR, label VARCHAR"},
    {"pg_ts_config",
     "oid BIGINT, cfgname VARCHAR, cfgnamespace BIGINT, cfgowner BIGINT, cfgparser BIGINT"},
    {"pg_ts_dict",
     "oid BIGINT, dictname VARCHAR, dictnamespace BIGINT, dictowner BIGINT, "
     "dicttemplate BIGINT, dictinitoption VARCHAR"},
    {"pg_ts_parser", "oid BIGINT, prsname VARCHAR, prsnamespace BIGINT"},
    {"pg_ts_template", "oid BIGINT, tmplname VARCHAR, tmplnamespace BIGINT"},
    {"pg_statistic_ext_data", "stxoid BIGINT, stxdinherit BOOLEAN"},
    {"pg_subscription",
     "oid BIGINT, subdbid BIGINT, subname VARCHAR, subowner BIGINT, subenabled BOOLEAN, "
     "subpublications VARCHAR[]"},
    {"pg_locks",
     "locktype VARCHAR, database BIGINT, relation BIGINT, pid INTEGER, mode VARCHAR, "
     "granted BOOLEAN"},
    {"pg_stat_activity",
     "datid BIGINT, datname VARCHAR, pid INTEGER, usesysid BIGINT, usename VARCHAR, "
     "application_name VARCHAR, client_addr VARCHAR, backend_start TIMESTAMPTZ, "
     "query_start TIMESTAMPTZ, state VARCHAR, query VARCHAR, backend_type VARCHAR"},
    {"pg_stats",
     "schemaname VARCHAR, tablename VARCHAR, attname VARCHAR, null_frac FLOAT, "
     "avg_width INTEGER, n_distinct FLOAT"},
    {"pg_rules", "schemaname VARCHAR, tablename VARCHAR, rulename VARCHAR, definition VARCHAR"},
    {"pg_policies",
     "schemaname VARCHAR, tablename VARCHAR, policyname VARCHAR, permissive VARCHAR, "
     "roles VARCHAR[], cmd VARCHAR, qual VARCHAR, with_check VARCHAR"},
    {"pg_available_extensions",
     "name VARCHAR, default_version VARCHAR, installed_version VARCHAR, comment VARCHAR"},
    {"pg_cursors",
     "name VARCHAR, statement VARCHAR, is_holdable BOOLEAN, is_binary BOOLEAN, "
     "is_scrollable BOOLEAN, creation_time TIMESTAMPTZ"},
    {"pg_group", "groname VARCHAR, grosysid BIGINT, grolist BIGINT[]"},
    {"pg_largeobject_metadata", "oid BIGINT, lomowner BIGINT, lomacl VARCHAR[]"},
    {"pg_parameter_acl", "oid BIGINT, parname VARCHAR, paracl VARCHAR[]"},
    {"pg_transform", "oid BIGINT, trftype BIGINT, trflang BIGINT"},
    {"pg_stat_database",
     "datid BIGINT, datname VARCHAR, numbackends INTEGER, xact_commit BIGINT, "
     "xact_rollback BIGINT"},
});

}  // namespace

std::vector<std::string> postgres_relation_statements() {
  std::vector<std::string> statements;
  for (const auto table : kLakeTables) statements.emplace_back(table);
  for (const auto view : kViews) statements.emplace_back(view);
  statements.push_back(class_view());
  for (const auto view : kHidden) statements.emplace_back(view);
  for (const auto& table : kEmpty) {
    statements.push_back(
        fmt::format("CREATE TABLE {} ({}, tableoid BIGINT)", table.name, table.columns));
  }
  return statements;
}

}  // namespace server
