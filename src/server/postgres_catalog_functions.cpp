// The functions of pg_catalog, as macros. A macro's names are looked up where it is used, so that
// relations are written in full: "@pg_class" stands for the one of the compatibility database.
#include <fmt/format.h>

#include <array>
#include <string_view>

#include "server/postgres_catalog.h"
#include "server/sql_session_guard.h"

namespace server {
namespace {

constexpr auto kSession = std::to_array<std::string_view>({
    "current_setting(n) AS getvariable('pg_settings')[lower(n)],"
    " (n, missing_ok) AS getvariable('pg_settings')[lower(n)]",
    // Alone in its statement it is a command of the session and changes the setting.
    "set_config(n, v, is_local) AS v",
    "pg_backend_pid() AS CAST(getvariable('pg_settings')['waybill.pid'] AS INTEGER)",
    "current_user() AS getvariable('pg_settings')['session_authorization']",
    "session_user() AS getvariable('pg_settings')['session_authorization']",
    "user() AS getvariable('pg_settings')['session_authorization']",
    "current_role() AS getvariable('pg_settings')['session_authorization']",
    "version() AS 'PostgreSQL 15.0 (Waybill)'",
    "current_catalog() AS 'waybill'",
    "current_schemas(implicit) AS CASE WHEN implicit THEN ['pg_catalog', current_schema()]"
    " ELSE [current_schema()] END",
    "pg_is_in_recovery() AS false",
    "pg_postmaster_start_time() AS now()",
    "pg_conf_load_time() AS now()",
    "txid_current() AS CAST(1 AS BIGINT)",
    "pg_export_snapshot() AS '00000001-1'",
    "inet_server_addr() AS '127.0.0.1'",
    "inet_server_port() AS CAST(NULL AS INTEGER)",
    "inet_client_addr() AS '127.0.0.1'",
    "pg_advisory_unlock_all() AS CAST(NULL AS VARCHAR)",
    "pg_my_temp_schema() AS CAST(0 AS BIGINT)",
    "pg_is_other_temp_schema(id) AS false",
    "pg_notify(channel, payload) AS CAST(NULL AS VARCHAR)",
    "pg_stat_get_numscans(id) AS CAST(0 AS BIGINT)",
});

constexpr auto kNames = std::to_array<std::string_view>({
    "pg_get_userbyid(id) AS getvariable('pg_settings')['session_authorization']",
    "pg_encoding_to_char(id) AS 'UTF8'",
    "pg_char_to_encoding(name) AS 6",
    "pg_table_is_visible(id) AS id < 16384 OR EXISTS (SELECT 1 FROM @wb_tables WHERE"
    " (wb_oid = id OR wb_key = id) AND list_contains(current_schemas(true), wb_schema))",
    "pg_statistics_obj_is_visible(id) AS true",
    "pg_ts_config_is_visible(id) AS true",
    "pg_conversion_is_visible(id) AS true",
    "pg_opfamily_is_visible(id) AS true",
    "pg_type_is_visible(id) AS true",
    "pg_function_is_visible(id) AS true",
    "pg_collation_is_visible(id) AS true",
    "pg_operator_is_visible(id) AS true",
    "pg_opclass_is_visible(id) AS true",
    "pg_relation_is_publishable(id) AS false",
    "pg_relation_is_updatable(id, triggers) AS 0",
    "quote_ident(n) AS CASE WHEN regexp_full_match(n, '[a-z_][a-z0-9_]*') THEN n"
    " ELSE '\"' || replace(n, '\"', '\"\"') || '\"' END",
    "quote_literal(t) AS '''' || replace(CAST(t AS VARCHAR), '''', '''''') || ''''",
    "quote_nullable(t) AS coalesce(quote_literal(t), 'NULL')",
    // A type by its name or by PostgreSQL's name for it.
    "to_regtype(n) AS (SELECT wb_oid FROM @wb_types WHERE wb_name = lower(n) OR"
    " format_type(wb_oid, -1) = lower(n) LIMIT 1)",
    // A relation's oid by its name, a number as text, or an oid. The search path decides.
    "to_regclass_oid(n) AS coalesce(TRY_CAST(n AS BIGINT), (SELECT wb_oid FROM @wb_relations"
    " WHERE CAST(n AS VARCHAR) IN (wb_name, quote_ident(wb_name), wb_schema || '.' || wb_name,"
    " quote_ident(wb_schema) || '.' || quote_ident(wb_name),"
    " '\"' || wb_schema || '\".\"' || wb_name || '\"', '\"' || wb_name || '\"')"
    " ORDER BY CAST(n AS VARCHAR) LIKE '%.%' OR"
    " list_contains(current_schemas(true), wb_schema) DESC, wb_oid LIMIT 1))",
    "regclass_oid(n) AS coalesce(to_regclass_oid(n), CAST(error('relation \"' ||"
    " CAST(n AS VARCHAR) || '\" does not exist') AS BIGINT))",
    "to_regclass(n) AS to_regclass_oid(n)",
    "to_regnamespace(n) AS (SELECT wb_oid FROM @wb_schemas WHERE wb_name = n)",
    // A relation's name by its oid; a name stays as it is.
    "regclass_name(id) AS coalesce((SELECT CASE WHEN wb_schema = 'pg_catalog' OR"
    " list_contains(current_schemas(true), wb_schema) THEN quote_ident(wb_name)"
    " ELSE quote_ident(wb_schema) || '.' || quote_ident(wb_name) END FROM @wb_relations"
    " WHERE wb_oid = TRY_CAST(id AS BIGINT)), CASE WHEN TRY_CAST(id AS BIGINT) = 0 THEN '-'"
    " ELSE CAST(id AS VARCHAR) END)",
    "regtype_name(id) AS CASE WHEN TRY_CAST(id AS BIGINT) IS NULL THEN"
    " coalesce(format_type(to_regtype(CAST(id AS VARCHAR)), -1), CAST(id AS VARCHAR))"
    " ELSE format_type(TRY_CAST(id AS BIGINT), -1) END",
    "regnamespace_name(id) AS coalesce((SELECT wb_name FROM @wb_schemas WHERE"
    " wb_oid = TRY_CAST(id AS BIGINT)), CAST(id AS VARCHAR))",
    "regproc_name(id) AS CAST(id AS VARCHAR)",
    "regrole_name(id) AS CASE WHEN TRY_CAST(id AS BIGINT) IS NULL THEN CAST(id AS VARCHAR)"
    " ELSE pg_get_userbyid(id) END",
});

constexpr auto kDefinitions = std::to_array<std::string_view>({
    "pg_get_expr(tree, relation) AS CAST(NULL AS VARCHAR),"
    " (tree, relation, pretty) AS CAST(NULL AS VARCHAR)",
    "pg_get_viewdef(id) AS '', (id, pretty) AS ''",
    "pg_get_constraintdef(id) AS (SELECT 'PRIMARY KEY (' || array_to_string(wb_columns, ', ') ||"
    " ')' FROM @wb_keys WHERE wb_oid = id), (id, pretty) AS (SELECT 'PRIMARY KEY (' ||"
    " array_to_string(wb_columns, ', ') || ')' FROM @wb_keys WHERE wb_oid = id)",
    "pg_get_indexdef(id) AS (SELECT 'CREATE UNIQUE INDEX ' || wb_name || ' ON ' || wb_schema ||"
    " '.' || wb_table || ' USING btree (' || array_to_string(wb_columns, ', ') || ')'"
    " FROM @wb_keys WHERE wb_oid = id), (id, part, pretty) AS (SELECT CASE WHEN part = 0 THEN"
    " 'CREATE UNIQUE INDEX ' || wb_name || ' ON ' || wb_schema || '.' || wb_table ||"
    " ' USING btree (' || array_to_string(wb_columns, ', ') || ')' ELSE wb_columns[part] END"
    " FROM @wb_keys WHERE wb_oid = id)",
    "pg_get_triggerdef(id) AS CAST(NULL AS VARCHAR), (id, pretty) AS CAST(NULL AS VARCHAR)",
    "pg_get_ruledef(id) AS CAST(NULL AS VARCHAR), (id, pretty) AS CAST(NULL AS VARCHAR)",
    "pg_get_statisticsobjdef(id) AS CAST(NULL AS VARCHAR)",
    "pg_get_statisticsobjdef_columns(id) AS CAST(NULL AS VARCHAR)",
    "pg_get_function_result(id) AS CAST(NULL AS VARCHAR)",
    "pg_get_function_arguments(id) AS CAST(NULL AS VARCHAR)",
    "pg_get_function_identity_arguments(id) AS CAST(NULL AS VARCHAR)",
    "pg_get_function_sqlbody(id) AS CAST(NULL AS VARCHAR)",
    "pg_get_functiondef(id) AS CAST(NULL AS VARCHAR)",
    "pg_get_partkeydef(id) AS CAST(NULL AS VARCHAR)",
    "pg_get_partition_constraintdef(id) AS CAST(NULL AS VARCHAR)",
    "pg_get_serial_sequence(relation, attribute) AS CAST(NULL AS VARCHAR)",
    "pg_index_column_has_property(id, part, property) AS property IN ('asc', 'orderable',"
    " 'nulls_last')",
    "pg_indexam_has_property(id, property) AS true",
    "obj_description(id) AS (SELECT wb_text FROM @wb_descriptions WHERE wb_oid = id AND"
    " wb_number = 0), (id, catalog) AS (SELECT wb_text FROM @wb_descriptions WHERE"
    " wb_oid = id AND wb_number = 0 AND catalog = 'pg_class')",
    "shobj_description(id, catalog) AS CAST(NULL AS VARCHAR)",
    "col_description(id, number) AS (SELECT wb_text FROM @wb_descriptions WHERE"
    " wb_oid = id AND wb_number = number AND number > 0)",
    "pg_relation_size(id) AS (SELECT wb_bytes FROM @wb_tables WHERE wb_oid = id),"
    " (id, fork) AS (SELECT wb_bytes FROM @wb_tables WHERE wb_oid = id)",
    "pg_table_size(id) AS (SELECT wb_bytes FROM @wb_tables WHERE wb_oid = id)",
    "pg_total_relation_size(id) AS (SELECT wb_bytes FROM @wb_tables WHERE wb_oid = id)",
    "pg_indexes_size(id) AS CAST(0 AS BIGINT)",
    "pg_database_size(id) AS (SELECT CAST(sum(wb_bytes) AS BIGINT) FROM @wb_tables)",
    "pg_tablespace_size(id) AS (SELECT CAST(sum(wb_bytes) AS BIGINT) FROM @wb_tables)",
    "pg_tablespace_location(id) AS ''",
    "pg_size_pretty(bytes) AS CASE WHEN abs(bytes) < 10240 THEN CAST(bytes AS VARCHAR) || ' bytes'"
    " WHEN abs(bytes) < 10485760 THEN CAST(round(bytes / 1024.0)::BIGINT AS VARCHAR) || ' kB'"
    " WHEN abs(bytes) < 10737418240 THEN CAST(round(bytes / 1048576.0)::BIGINT AS VARCHAR) || ' MB'"
    " ELSE CAST(round(bytes / 1073741824.0)::BIGINT AS VARCHAR) || ' GB' END",
    "array_upper(a, dimension) AS CAST(len(a) AS INTEGER)",
    "array_lower(a, dimension) AS CASE WHEN len(a) > 0 THEN 1 END",
    "array_ndims(a) AS CASE WHEN len(a) > 0 THEN 1 END",
    "_pg_expandarray(a) AS unnest(list_transform(range(1, len(a) + 1),"
    " lambda n: {'x': a[n], 'n': CAST(n AS INTEGER)}))",
    "pg_get_keywords() AS TABLE SELECT keyword_name AS word, upper(left(keyword_category, 1)) AS"
    " catcode, true AS barelabel, keyword_category AS catdesc, '' AS baredesc"
    " FROM duckdb_keywords()",
    // Of the tables that the lake has, and of those that the last statement read.
    "waybill_tables() AS TABLE SELECT l.schema_name, l.table_name, l.version, l.committed_at,"
    " l.rows, l.bytes, l.files, l.description, l.model FROM @lake_tables l"
    " ORDER BY l.schema_name, l.table_name",
    "waybill_versions() AS TABLE SELECT unnest(coalesce(getvariable('waybill_versions'),"
    " CAST([] AS STRUCT(table_name VARCHAR, version BIGINT, committed_at TIMESTAMPTZ)[])),"
    " recursive := true)",
});

std::string in_full(std::string_view macro) { return "CREATE MACRO " + with_catalog_names(macro); }

}  // namespace

std::vector<std::string> postgres_function_statements() {
  std::vector<std::string> statements;
  for (const auto macro : kSession) statements.push_back(in_full(macro));
  for (const auto macro : kNames) statements.push_back(in_full(macro));
  for (const auto macro : kDefinitions) statements.push_back(in_full(macro));
  return statements;
}

}  // namespace server
