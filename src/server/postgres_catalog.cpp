#include "server/postgres_catalog.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "protocol/postgres/types.h"
#include "server/sql_session_guard.h"

namespace server {

namespace {

namespace oid = protocol::postgres::oid;

struct TypeRow {
  protocol::postgres::Oid oid;
  std::string_view name;
  std::string_view sql_name;  // as format_type prints it
  char category;
  protocol::postgres::Oid array;
};
constexpr auto kTypes = std::to_array<TypeRow>({
    {oid::kBool, "bool", "boolean", 'B', 1000},
    {oid::kBytea, "bytea", "bytea", 'U', 1001},
    {oid::kChar, "char", "\"char\"", 'Z', 1002},
    {oid::kName, "name", "name", 'S', 1003},
    {oid::kInt8, "int8", "bigint", 'N', 1016},
    {oid::kInt2, "int2", "smallint", 'N', 1005},
    {oid::kInt4, "int4", "integer", 'N', 1007},
    {oid::kText, "text", "text", 'S', 1009},
    {oid::kOid, "oid", "oid", 'N', 1028},
    {oid::kJson, "json", "json", 'U', 199},
    {oid::kFloat4, "float4", "real", 'N', 1021},
    {oid::kFloat8, "float8", "double precision", 'N', 1022},
    {oid::kUnknown, "unknown", "unknown", 'X', 0},
    {oid::kBpchar, "bpchar", "character", 'S', 1014},
    {oid::kVarchar, "varchar", "character varying", 'S', 1015},
    {oid::kDate, "date", "date", 'D', 1182},
    {oid::kTime, "time", "time without time zone", 'D', 1183},
    {oid::kTimestamp, "timestamp", "timestamp without time zone", 'D', 1115},
    {oid::kTimestampTz, "timestamptz", "timestamp with time zone", 'D', 1185},
    {oid::kInterval, "interval", "interval", 'T', 1187},
    {oid::kTimeTz, "timetz", "time with time zone", 'D', 1270},
    {oid::kNumeric, "numeric", "numeric", 'N', 1231},
    {oid::kUuid, "uuid", "uuid", 'U', 2951},
    {oid::kJsonb, "jsonb", "jsonb", 'U', 3807},
});

// DuckDB's type names to OIDs. DECIMAL(10,2) and lists go by their form.
constexpr std::string_view kTypeOid = R"(
CREATE MACRO duckdb_type_oid(t) AS CASE
  WHEN t LIKE '%[]' OR t LIKE 'STRUCT%' OR t LIKE 'MAP%' OR t = 'JSON' THEN 114
  WHEN t LIKE 'DECIMAL%' THEN 1700
  WHEN t = 'BOOLEAN' THEN 16 WHEN t IN ('TINYINT', 'UTINYINT', 'SMALLINT') THEN 21
  WHEN t IN ('USMALLINT', 'INTEGER') THEN 23 WHEN t IN ('UINTEGER', 'BIGINT') THEN 20
  WHEN t IN ('UBIGINT', 'HUGEINT', 'UHUGEINT') THEN 1700 WHEN t = 'FLOAT' THEN 700 WHEN t =
  'DOUBLE' THEN 701
  WHEN t = 'BLOB' THEN 17 WHEN t = 'DATE' THEN 1082 WHEN t = 'TIME' THEN 1083
  WHEN t = 'TIME WITH TIME ZONE' THEN 1266 WHEN t = 'TIMESTAMP WITH TIME ZONE' THEN 1184
  WHEN t LIKE 'TIMESTAMP%' THEN 1114 WHEN t = 'INTERVAL' THEN 1186 WHEN t = 'UUID' THEN 2950
  ELSE 25 END)";

constexpr auto kMacros = std::to_array<std::string_view>({
    "CREATE MACRO current_setting(n) AS getvariable('pg_settings')[lower(n)],"
    " (n, missing_ok) AS getvariable('pg_settings')[lower(n)]",
    // Alone in its statement it is a command of the session and changes the setting.
    "CREATE MACRO set_config(n, v, is_local) AS v",
    "CREATE MACRO pg_backend_pid() AS CAST(getvariable('pg_settings')['waybill.pid'] AS INTEGER)",
    "CREATE MACRO current_user() AS getvariable('pg_settings')['session_authorization']",
    "CREATE MACRO session_user() AS getvariable('pg_settings')['session_authorization']",
    "CREATE MACRO user() AS getvariable('pg_settings')['session_authorization']",
    "CREATE MACRO current_role() AS getvariable('pg_settings')['session_authorization']",
    "CREATE MACRO version() AS 'PostgreSQL 15.0 (Waybill)'",
    "CREATE MACRO current_catalog() AS 'waybill'",
    "CREATE MACRO current_schemas(implicit) AS CASE WHEN implicit THEN ['pg_catalog', "
    "current_schema()]"
    " ELSE [current_schema()] END",
    "CREATE MACRO pg_get_userbyid(id) AS getvariable('pg_settings')['session_authorization']",
    "CREATE MACRO pg_encoding_to_char(id) AS 'UTF8'",
    "CREATE MACRO pg_table_is_visible(id) AS true",
    "CREATE MACRO pg_type_is_visible(id) AS true",
    "CREATE MACRO pg_function_is_visible(id) AS true",
    "CREATE MACRO pg_relation_is_publishable(id) AS false",
    "CREATE MACRO pg_is_in_recovery() AS false",
    "CREATE MACRO pg_get_expr(tree, relation) AS CAST(NULL AS VARCHAR),"
    " (tree, relation, pretty) AS CAST(NULL AS VARCHAR)",
    "CREATE MACRO pg_get_viewdef(id) AS '', (id, pretty) AS ''",
    "CREATE MACRO pg_get_constraintdef(id) AS CAST(NULL AS VARCHAR), (id, pretty) AS CAST(NULL AS "
    "VARCHAR)",
    "CREATE MACRO pg_get_indexdef(id) AS CAST(NULL AS VARCHAR),"
    " (id, part, pretty) AS CAST(NULL AS VARCHAR)",
    "CREATE MACRO pg_get_triggerdef(id) AS CAST(NULL AS VARCHAR), (id, pretty) AS CAST(NULL AS "
    "VARCHAR)",
    "CREATE MACRO pg_get_ruledef(id) AS CAST(NULL AS VARCHAR), (id, pretty) AS CAST(NULL AS "
    "VARCHAR)",
    "CREATE MACRO pg_get_statisticsobjdef_columns(id) AS CAST(NULL AS VARCHAR)",
    "CREATE MACRO pg_get_function_result(id) AS CAST(NULL AS VARCHAR)",
    "CREATE MACRO pg_get_function_arguments(id) AS CAST(NULL AS VARCHAR)",
    "CREATE MACRO pg_get_partkeydef(id) AS CAST(NULL AS VARCHAR)",
    "CREATE MACRO pg_get_serial_sequence(relation, attribute) AS CAST(NULL AS VARCHAR)",
    "CREATE MACRO pg_collation_is_visible(id) AS true",
    "CREATE MACRO pg_advisory_unlock_all() AS CAST(NULL AS VARCHAR)",
    "CREATE MACRO pg_my_temp_schema() AS CAST(0 AS BIGINT)",
    "CREATE MACRO pg_table_size(id) AS CAST(NULL AS BIGINT)",
    "CREATE MACRO pg_relation_size(id) AS CAST(NULL AS BIGINT)",
    "CREATE MACRO pg_total_relation_size(id) AS CAST(NULL AS BIGINT)",
    "CREATE MACRO pg_database_size(id) AS CAST(NULL AS BIGINT)",
    "CREATE MACRO obj_description(id) AS CAST(NULL AS VARCHAR), (id, catalog) AS CAST(NULL AS "
    "VARCHAR)",
    "CREATE MACRO shobj_description(id, catalog) AS CAST(NULL AS VARCHAR)",
    "CREATE MACRO col_description(id, number) AS CAST(NULL AS VARCHAR)",
    "CREATE MACRO array_upper(a, dimension) AS len(a)",
    "CREATE MACRO array_lower(a, dimension) AS 1",
    "CREATE MACRO quote_ident(n) AS CASE WHEN regexp_full_match(n, '[a-z_][a-z0-9_]*') THEN n"
    " ELSE '\"' || replace(n, '\"', '\"\"') || '\"' END",
    "CREATE MACRO quote_literal(t) AS '''' || replace(CAST(t AS VARCHAR), '''', '''''') || ''''",
    "CREATE MACRO pg_postmaster_start_time() AS now()",
});

constexpr std::string_view kNamespace = R"(
CREATE VIEW pg_namespace AS
SELECT CAST(oid AS BIGINT) AS oid, schema_name AS nspname, CAST(10 AS BIGINT) AS nspowner,
  CAST(NULL AS VARCHAR[]) AS nspacl
FROM duckdb_schemas() WHERE database_name = 'waybill' AND schema_name NOT IN ('main',
  'pg_catalog', 'information_schema')
UNION ALL VALUES (11, 'pg_catalog', 10, NULL), (99, 'information_schema', 10, NULL))";

// A lake table is a view to DuckDB and a table to clients.
constexpr std::string_view kClass = R"(
CREATE VIEW pg_class AS
SELECT CAST(view_oid AS BIGINT) AS oid, view_name AS relname, CAST(schema_oid AS BIGINT) AS
  relnamespace,
  CAST(0 AS BIGINT) AS reltype, CAST(0 AS BIGINT) AS reloftype, CAST(10 AS BIGINT) AS relowner,
  CAST(2 AS BIGINT) AS relam, CAST(view_oid AS BIGINT) AS relfilenode, CAST(0 AS BIGINT) AS
  reltablespace,
  0 AS relpages, CAST(-1 AS FLOAT) AS reltuples, 0 AS relallvisible, CAST(0 AS BIGINT) AS
  reltoastrelid,
  false AS relhasindex, false AS relisshared, 'p' AS relpersistence, 'r' AS relkind,
  CAST(column_count AS SMALLINT) AS relnatts, CAST(0 AS SMALLINT) AS relchecks, false AS
  relhasrules,
  false AS relhastriggers, false AS relhassubclass, false AS relrowsecurity, false AS
  relforcerowsecurity,
  true AS relispopulated, 'd' AS relreplident, false AS relispartition, CAST(0 AS BIGINT) AS
  relrewrite,
  CAST(0 AS BIGINT) AS relfrozenxid, CAST(0 AS BIGINT) AS relminmxid, CAST(NULL AS VARCHAR[]) AS
  relacl,
  CAST(NULL AS VARCHAR[]) AS reloptions, CAST(NULL AS VARCHAR) AS relpartbound
FROM duckdb_views() WHERE database_name = 'waybill' AND NOT internal)";

constexpr std::string_view kAttribute = R"(
CREATE VIEW pg_attribute AS
SELECT CAST(c.table_oid AS BIGINT) AS attrelid, c.column_name AS attname,
  CAST(duckdb_type_oid(c.data_type) AS BIGINT) AS atttypid, -1 AS attstattarget,
  t.typlen AS attlen, CAST(c.column_index AS SMALLINT) AS attnum, 0 AS attndims, -1 AS attcacheoff,
  CASE WHEN c.data_type LIKE 'DECIMAL%' THEN c.numeric_precision * 65536 + c.numeric_scale + 4
  ELSE -1 END AS atttypmod,
  t.typlen > 0 AND t.typlen <= 8 AS attbyval, CASE WHEN t.typlen > 0 THEN 'p' ELSE 'x' END AS
  attstorage,
  'i' AS attalign, '' AS attcompression, NOT c.is_nullable AS attnotnull, false AS atthasdef,
  false AS atthasmissing,
  '' AS attidentity, '' AS attgenerated, false AS attisdropped, true AS attislocal, 0 AS
  attinhcount,
  CAST(0 AS BIGINT) AS attcollation, CAST(NULL AS VARCHAR[]) AS attacl, CAST(NULL AS VARCHAR[]) AS
  attoptions,
  CAST(NULL AS VARCHAR[]) AS attfdwoptions, CAST(NULL AS VARCHAR) AS attmissingval
FROM duckdb_columns() c JOIN postgres_catalog.main.pg_type t ON t.oid = duckdb_type_oid(c.data_type)
WHERE c.database_name = 'waybill' AND NOT c.internal)";

constexpr auto kViews = std::to_array<std::string_view>({
    R"(CREATE VIEW pg_database AS SELECT CAST(1 AS BIGINT) AS oid, 'waybill' AS datname, CAST(10
    AS BIGINT) AS datdba,
  6 AS encoding, 'c' AS datlocprovider, false AS datistemplate, true AS datallowconn, -1 AS
  datconnlimit,
  CAST(0 AS BIGINT) AS datfrozenxid, CAST(1 AS BIGINT) AS datminmxid, CAST(1663 AS BIGINT) AS
  dattablespace,
  'C.UTF-8' AS datcollate, 'C.UTF-8' AS datctype, CAST(NULL AS VARCHAR) AS daticulocale,
  CAST(NULL AS VARCHAR) AS datcollversion, CAST(NULL AS VARCHAR[]) AS datacl)",
    R"(CREATE VIEW pg_roles AS SELECT CAST(10 AS BIGINT) AS oid,
  getvariable('pg_settings')['session_authorization'] AS rolname, false AS rolsuper, true AS
  rolinherit,
  false AS rolcreaterole, false AS rolcreatedb, true AS rolcanlogin, false AS rolreplication, -1
  AS rolconnlimit,
  CAST(NULL AS VARCHAR) AS rolpassword, CAST(NULL AS TIMESTAMPTZ) AS rolvaliduntil, false AS
  rolbypassrls,
  CAST(NULL AS VARCHAR[]) AS rolconfig)",
    R"(CREATE VIEW pg_user AS SELECT rolname AS usename, oid AS usesysid, rolcreatedb AS
    usecreatedb, rolsuper AS usesuper,
  rolreplication AS userepl, rolbypassrls AS usebypassrls, rolpassword AS passwd, rolvaliduntil AS
  valuntil,
  rolconfig AS useconfig FROM postgres_catalog.main.pg_roles)",
    R"(CREATE VIEW pg_am AS SELECT CAST(2 AS BIGINT) AS oid, 'heap' AS amname,
    'heap_tableam_handler' AS amhandler, 't' AS amtype)",
    R"(CREATE VIEW pg_settings AS SELECT e.key AS name, e.value AS setting, CAST(NULL AS VARCHAR)
    AS unit,
  '' AS category, '' AS short_desc, CAST(NULL AS VARCHAR) AS extra_desc, 'user' AS context,
  'string' AS vartype,
  'session' AS source, CAST(NULL AS VARCHAR) AS min_val, CAST(NULL AS VARCHAR) AS max_val,
  CAST(NULL AS VARCHAR[]) AS enumvals, e.value AS boot_val, e.value AS reset_val, false AS
  pending_restart
  FROM (SELECT unnest(map_entries(getvariable('pg_settings'))) AS e))",
    R"(CREATE VIEW pg_tables AS SELECT n.nspname AS schemaname, c.relname AS tablename,
  pg_get_userbyid(c.relowner) AS tableowner, CAST(NULL AS VARCHAR) AS tablespace, false AS
  hasindexes,
  false AS hasrules, false AS hastriggers, false AS rowsecurity
  FROM postgres_catalog.main.pg_class c JOIN postgres_catalog.main.pg_namespace n ON n.oid =
  c.relnamespace)",
    R"(CREATE VIEW information.tables AS SELECT 'waybill' AS table_catalog, n.nspname AS
    table_schema,
  c.relname AS table_name, 'BASE TABLE' AS table_type, CAST(NULL AS VARCHAR) AS
  self_referencing_column_name,
  CAST(NULL AS VARCHAR) AS reference_generation, CAST(NULL AS VARCHAR) AS user_defined_type_catalog,
  CAST(NULL AS VARCHAR) AS user_defined_type_schema, CAST(NULL AS VARCHAR) AS
  user_defined_type_name,
  'NO' AS is_insertable_into, 'NO' AS is_typed, CAST(NULL AS VARCHAR) AS commit_action
  FROM postgres_catalog.main.pg_class c JOIN postgres_catalog.main.pg_namespace n ON n.oid =
  c.relnamespace)",
    R"(CREATE VIEW information.columns AS SELECT 'waybill' AS table_catalog, n.nspname AS
    table_schema,
  c.relname AS table_name, a.attname AS column_name, CAST(a.attnum AS INTEGER) AS ordinal_position,
  CAST(NULL AS VARCHAR) AS column_default, CASE WHEN a.attnotnull THEN 'NO' ELSE 'YES' END AS
  is_nullable,
  format_type(a.atttypid, -1) AS data_type, CAST(NULL AS INTEGER) AS character_maximum_length,
  CAST(NULL AS INTEGER) AS character_octet_length,
  CASE a.atttypid WHEN 21 THEN 16 WHEN 23 THEN 32 WHEN 20 THEN 64 WHEN 700 THEN 24 WHEN 701 THEN 53
    WHEN 1700 THEN (a.atttypmod - 4) // 65536 END AS numeric_precision,
  CASE WHEN a.atttypid IN (20, 21, 23, 700, 701) THEN 2 WHEN a.atttypid = 1700 THEN 10 END AS
  numeric_precision_radix,
  CASE WHEN a.atttypid IN (20, 21, 23) THEN 0 WHEN a.atttypid = 1700 THEN (a.atttypmod - 4) %
  65536 END AS numeric_scale,
  CASE WHEN a.atttypid IN (1083, 1114, 1184, 1186, 1266) THEN 6 WHEN a.atttypid = 1082 THEN 0 END
  AS datetime_precision,
  'waybill' AS udt_catalog, 'pg_catalog' AS udt_schema, t.typname AS udt_name, 'NO' AS is_identity,
  'NEVER' AS is_generated, 'NO' AS is_updatable
  FROM postgres_catalog.main.pg_class c JOIN postgres_catalog.main.pg_namespace n ON n.oid =
  c.relnamespace
  JOIN postgres_catalog.main.pg_attribute a ON a.attrelid = c.oid
  JOIN postgres_catalog.main.pg_type t ON t.oid = a.atttypid)",
    R"(CREATE VIEW information.schemata AS SELECT 'waybill' AS catalog_name, nspname AS schema_name,
  pg_get_userbyid(nspowner) AS schema_owner, CAST(NULL AS VARCHAR) AS default_character_set_catalog,
  CAST(NULL AS VARCHAR) AS default_character_set_schema, CAST(NULL AS VARCHAR) AS
  default_character_set_name,
  CAST(NULL AS VARCHAR) AS sql_path FROM postgres_catalog.main.pg_namespace)",
    R"(CREATE MACRO to_regtype(n) AS (SELECT t.oid FROM postgres_catalog.main.pg_type t
  WHERE t.typname = lower(n) OR format_type(t.oid, -1) = lower(n) LIMIT 1))",
    R"(CREATE MACRO to_regclass_oid(n) AS (SELECT c.oid FROM postgres_catalog.main.pg_class c
  JOIN postgres_catalog.main.pg_namespace s ON s.oid = c.relnamespace
  WHERE n IN (c.relname, s.nspname || '.' || c.relname, quote_ident(s.nspname) || '.' ||
  quote_ident(c.relname)) LIMIT 1))",
    "CREATE MACRO to_regclass(n) AS to_regclass_oid(n)",
});

struct EmptyTable {
  std::string_view name;
  std::string_view columns;  // "name type, …"
};
// What a lake does not have: clients join these and must find nothing.
constexpr auto kEmpty = std::to_array<EmptyTable>({
    {"pg_attrdef", "oid BIGINT, adrelid BIGINT, adnum SMALLINT, adbin VARCHAR"},
    {"pg_collation",
     "oid BIGINT, collname VARCHAR, collnamespace BIGINT, collowner BIGINT, collprovider VARCHAR,"
     " collencoding INTEGER, collcollate VARCHAR, collctype VARCHAR"},
    {"pg_constraint",
     "oid BIGINT, conname VARCHAR, connamespace BIGINT, contype VARCHAR, condeferrable BOOLEAN, "
     "condeferred BOOLEAN,"
     " convalidated BOOLEAN, conrelid BIGINT, contypid BIGINT, conindid BIGINT, conparentid "
     "BIGINT, confrelid BIGINT,"
     " confupdtype VARCHAR, confdeltype VARCHAR, confmatchtype VARCHAR, conislocal BOOLEAN, "
     "coninhcount INTEGER,"
     " connoinherit BOOLEAN, conkey SMALLINT[], confkey SMALLINT[]"},
    {"pg_index",
     "indexrelid BIGINT, indrelid BIGINT, indnatts SMALLINT, indnkeyatts SMALLINT, indisunique "
     "BOOLEAN,"
     " indisprimary BOOLEAN, indisexclusion BOOLEAN, indimmediate BOOLEAN, indisclustered BOOLEAN, "
     "indisvalid BOOLEAN,"
     " indisready BOOLEAN, indislive BOOLEAN, indisreplident BOOLEAN, indkey SMALLINT[], indexprs "
     "VARCHAR, indpred VARCHAR,"
     " indoption SMALLINT[], indcollation BIGINT[], indclass BIGINT[]"},
    {"pg_indexes",
     "schemaname VARCHAR, tablename VARCHAR, indexname VARCHAR, tablespace VARCHAR, indexdef "
     "VARCHAR"},
    {"pg_inherits",
     "inhrelid BIGINT, inhparent BIGINT, inhseqno INTEGER, inhdetachpending BOOLEAN"},
    {"pg_policy",
     "oid BIGINT, polname VARCHAR, polrelid BIGINT, polcmd VARCHAR, polpermissive BOOLEAN, "
     "polroles BIGINT[],"
     " polqual VARCHAR, polwithcheck VARCHAR"},
    {"pg_trigger",
     "oid BIGINT, tgrelid BIGINT, tgparentid BIGINT, tgname VARCHAR, tgfoid BIGINT, tgtype "
     "SMALLINT,"
     " tgenabled VARCHAR, tgisinternal BOOLEAN, tgconstrrelid BIGINT, tgconstraint BIGINT,"
     " tgdeferrable BOOLEAN, tginitdeferred BOOLEAN"},
    {"pg_rewrite",
     "oid BIGINT, rulename VARCHAR, ev_class BIGINT, ev_type VARCHAR, ev_enabled VARCHAR, "
     "is_instead BOOLEAN"},
    {"pg_statistic_ext",
     "oid BIGINT, stxrelid BIGINT, stxname VARCHAR, stxnamespace BIGINT, stxowner BIGINT,"
     " stxstattarget INTEGER, stxkeys SMALLINT[], stxkind VARCHAR[]"},
    {"pg_publication",
     "oid BIGINT, pubname VARCHAR, pubowner BIGINT, puballtables BOOLEAN, pubinsert BOOLEAN,"
     " pubupdate BOOLEAN, pubdelete BOOLEAN, pubtruncate BOOLEAN, pubviaroot BOOLEAN"},
    {"pg_publication_namespace", "oid BIGINT, pnpubid BIGINT, pnnspid BIGINT"},
    {"pg_publication_rel",
     "oid BIGINT, prpubid BIGINT, prrelid BIGINT, prqual VARCHAR, prattrs SMALLINT[]"},
    {"pg_description", "objoid BIGINT, classoid BIGINT, objsubid INTEGER, description VARCHAR"},
    {"pg_shdescription", "objoid BIGINT, classoid BIGINT, description VARCHAR"},
    {"pg_depend",
     "classid BIGINT, objid BIGINT, objsubid INTEGER, refclassid BIGINT, refobjid BIGINT,"
     " refobjsubid INTEGER, deptype VARCHAR"},
    {"pg_enum", "oid BIGINT, enumtypid BIGINT, enumsortorder FLOAT, enumlabel VARCHAR"},
    {"pg_range",
     "rngtypid BIGINT, rngsubtype BIGINT, rngmultitypid BIGINT, rngcollation BIGINT, rngsubopc "
     "BIGINT"},
    {"pg_proc",
     "oid BIGINT, proname VARCHAR, pronamespace BIGINT, proowner BIGINT, prolang BIGINT, prokind "
     "VARCHAR,"
     " proretset BOOLEAN, prorettype BIGINT, proargtypes VARCHAR, pronargs SMALLINT, proargnames "
     "VARCHAR[],"
     " prosrc VARCHAR"},
    {"pg_extension",
     "oid BIGINT, extname VARCHAR, extowner BIGINT, extnamespace BIGINT, extrelocatable BOOLEAN,"
     " extversion VARCHAR"},
    {"pg_tablespace",
     "oid BIGINT, spcname VARCHAR, spcowner BIGINT, spcacl VARCHAR[], spcoptions VARCHAR[]"},
    {"pg_auth_members", "roleid BIGINT, member BIGINT, grantor BIGINT, admin_option BOOLEAN"},
    {"pg_foreign_table", "ftrelid BIGINT, ftserver BIGINT, ftoptions VARCHAR[]"},
    {"pg_foreign_server",
     "oid BIGINT, srvname VARCHAR, srvowner BIGINT, srvfdw BIGINT, srvtype VARCHAR"},
    {"pg_partitioned_table",
     "partrelid BIGINT, partstrat VARCHAR, partnatts SMALLINT, partdefid BIGINT, partattrs "
     "VARCHAR"},
    {"pg_sequence",
     "seqrelid BIGINT, seqtypid BIGINT, seqstart BIGINT, seqincrement BIGINT, seqmax BIGINT, "
     "seqmin BIGINT,"
     " seqcache BIGINT, seqcycle BOOLEAN"},
    {"pg_sequences",
     "schemaname VARCHAR, sequencename VARCHAR, sequenceowner VARCHAR, data_type VARCHAR"},
    {"pg_views", "schemaname VARCHAR, viewname VARCHAR, viewowner VARCHAR, definition VARCHAR"},
    {"pg_matviews",
     "schemaname VARCHAR, matviewname VARCHAR, matviewowner VARCHAR, definition VARCHAR"},
    {"pg_event_trigger",
     "oid BIGINT, evtname VARCHAR, evtevent VARCHAR, evtowner BIGINT, evtenabled VARCHAR"},
    {"pg_language", "oid BIGINT, lanname VARCHAR, lanowner BIGINT, lanispl BOOLEAN"},
    {"pg_prepared_statements",
     "name VARCHAR, statement VARCHAR, prepare_time TIMESTAMPTZ, parameter_types VARCHAR[]"},
    {"information.views",
     "table_catalog VARCHAR, table_schema VARCHAR, table_name VARCHAR, view_definition VARCHAR,"
     " check_option VARCHAR, is_updatable VARCHAR"},
});

std::string type_view() {
  std::string rows;
  for (const auto& type : kTypes) {
    rows +=
        fmt::format("{}({}, '{}', {}, '{}', 0, {})", rows.empty() ? "" : ", ", type.oid, type.name,
                    protocol::postgres::type_size(type.oid), type.category, type.array);
    if (type.array != 0)
      rows += fmt::format(", ({}, '_{}', -1, 'A', {}, 0)", type.array, type.name, type.oid);
  }
  return "CREATE VIEW pg_type AS SELECT CAST(oid AS BIGINT) AS oid, typname, CAST(11 AS BIGINT) AS "
         "typnamespace,"
         " CAST(10 AS BIGINT) AS typowner, CAST(typlen AS SMALLINT) AS typlen, typlen BETWEEN 1 "
         "AND 8 AS typbyval,"
         " 'b' AS typtype, typcategory, typname IN ('bool', 'text', 'oid', 'float8', "
         "'timestamptz', 'interval') AS"
         " typispreferred, true AS typisdefined, ',' AS typdelim, CAST(0 AS BIGINT) AS typrelid,"
         " CAST(typelem AS BIGINT) AS typelem, CAST(typarray AS BIGINT) AS typarray,"
         " CASE WHEN typelem > 0 THEN 'array_in' ELSE typname || 'in' END AS typinput,"
         " CASE WHEN typelem > 0 THEN 'array_out' ELSE typname || 'out' END AS typoutput,"
         " CASE WHEN typelem > 0 THEN 'array_recv' ELSE typname || 'recv' END AS typreceive,"
         " CASE WHEN typelem > 0 THEN 'array_send' ELSE typname || 'send' END AS typsend,"
         " 'i' AS typalign, 'p' AS typstorage, false AS typnotnull, CAST(0 AS BIGINT) AS "
         "typbasetype, -1 AS typtypmod,"
         " 0 AS typndims, CAST(0 AS BIGINT) AS typcollation, CAST(NULL AS VARCHAR) AS typdefault,"
         " CAST(NULL AS VARCHAR[]) AS typacl FROM (VALUES " +
         rows + ") t(oid, typname, typlen, typcategory, typelem, typarray)";
}

std::string format_type_macro() {
  std::string cases;
  for (const auto& type : kTypes) {
    cases += fmt::format(" WHEN {} THEN '{}' WHEN {} THEN '{}[]'", type.oid, type.sql_name,
                         type.array == 0 ? 4'294'967'295U : type.array, type.sql_name);
  }
  return "CREATE MACRO format_type(id, modifier) AS CASE WHEN id = 1700 AND modifier > 4 THEN "
         "'numeric(' ||"
         " (modifier - 4) // 65536 || ',' || (modifier - 4) % 65536 || ')' ELSE CASE id" +
         cases + " ELSE 'unknown' END END";
}

std::string empty_table(const EmptyTable& table) {
  return fmt::format("CREATE TABLE {} ({})", table.name, table.columns);
}

}  // namespace

std::vector<std::string> postgres_catalog_statements() {
  std::vector<std::string> statements = {fmt::format("USE {}", kCompatDatabase),
                                         "CREATE SCHEMA information"};
  statements.emplace_back(kTypeOid);
  statements.push_back(format_type_macro());
  for (const auto macro : kMacros) statements.emplace_back(macro);
  statements.push_back(type_view());
  statements.emplace_back(kNamespace);
  statements.emplace_back(kClass);
  statements.emplace_back(kAttribute);
  for (const auto view : kViews) statements.emplace_back(view);
  for (const auto& table : kEmpty) statements.push_back(empty_table(table));
  statements.push_back(fmt::format("USE {}", kLakeDatabase));
  return statements;
}

}  // namespace server
