// information_schema: the lake's tables alone, in the columns that the standard gives each view.
// "@pg_class" stands for the relation of the compatibility database.
#include <fmt/format.h>

#include <array>
#include <string_view>

#include "server/postgres_catalog.h"
#include "server/sql_session_guard.h"

namespace server {
namespace {

constexpr auto kViews = std::to_array<std::string_view>({
    R"(tables AS SELECT 'waybill' AS table_catalog, schema_name AS table_schema, table_name,
  'BASE TABLE' AS table_type, CAST(NULL AS VARCHAR) AS self_referencing_column_name,
  CAST(NULL AS VARCHAR) AS reference_generation, CAST(NULL AS VARCHAR) AS
  user_defined_type_catalog, CAST(NULL AS VARCHAR) AS user_defined_type_schema,
  CAST(NULL AS VARCHAR) AS user_defined_type_name, 'NO' AS is_insertable_into, 'NO' AS is_typed,
  CAST(NULL AS VARCHAR) AS commit_action FROM @lake_tables)",
    R"(columns AS SELECT 'waybill' AS table_catalog, c.schema_name AS table_schema, c.table_name,
  c.column_name, CAST(c.number AS INTEGER) AS ordinal_position,
  CAST(NULL AS VARCHAR) AS column_default, CASE WHEN c.required THEN 'NO' ELSE 'YES' END AS
  is_nullable, @format_type(c.type, -1) AS data_type,
  CAST(NULL AS INTEGER) AS character_maximum_length,
  CASE WHEN c.type = 25 THEN 1073741824 END AS character_octet_length,
  CASE c.type WHEN 21 THEN 16 WHEN 23 THEN 32 WHEN 20 THEN 64 WHEN 700 THEN 24 WHEN 701 THEN 53
    WHEN 1700 THEN (c.typmod - 4) // 65536 END AS numeric_precision,
  CASE WHEN c.type IN (20, 21, 23, 700, 701) THEN 2 WHEN c.type = 1700 THEN 10 END AS
  numeric_precision_radix,
  CASE WHEN c.type IN (20, 21, 23) THEN 0 WHEN c.type = 1700 THEN (c.typmod - 4) % 65536 END AS
  numeric_scale,
  CASE WHEN c.type IN (1083, 1114, 1184, 1186, 1266) THEN 6 WHEN c.type = 1082 THEN 0 END AS
  datetime_precision, CAST(NULL AS VARCHAR) AS interval_type,
  CAST(NULL AS INTEGER) AS interval_precision, CAST(NULL AS VARCHAR) AS character_set_catalog,
  CAST(NULL AS VARCHAR) AS character_set_schema, CAST(NULL AS VARCHAR) AS character_set_name,
  CAST(NULL AS VARCHAR) AS collation_catalog, CAST(NULL AS VARCHAR) AS collation_schema,
  CAST(NULL AS VARCHAR) AS collation_name, CAST(NULL AS VARCHAR) AS domain_catalog,
  CAST(NULL AS VARCHAR) AS domain_schema, CAST(NULL AS VARCHAR) AS domain_name,
  'waybill' AS udt_catalog, 'pg_catalog' AS udt_schema, t.typname AS udt_name,
  CAST(NULL AS VARCHAR) AS scope_catalog, CAST(NULL AS VARCHAR) AS scope_schema,
  CAST(NULL AS VARCHAR) AS scope_name, CAST(NULL AS INTEGER) AS maximum_cardinality,
  CAST(c.number AS VARCHAR) AS dtd_identifier, 'NO' AS is_self_referencing, 'NO' AS is_identity,
  CAST(NULL AS VARCHAR) AS identity_generation, CAST(NULL AS VARCHAR) AS identity_start,
  CAST(NULL AS VARCHAR) AS identity_increment, CAST(NULL AS VARCHAR) AS identity_maximum,
  CAST(NULL AS VARCHAR) AS identity_minimum, 'NO' AS identity_cycle, 'NEVER' AS is_generated,
  CAST(NULL AS VARCHAR) AS generation_expression, 'NO' AS is_updatable
  FROM @lake_columns c JOIN @pg_type t ON t.oid = c.type)",
    R"(schemata AS SELECT 'waybill' AS catalog_name, nspname AS schema_name,
  getvariable('pg_settings')['session_authorization'] AS schema_owner,
  CAST(NULL AS VARCHAR) AS default_character_set_catalog,
  CAST(NULL AS VARCHAR) AS default_character_set_schema,
  CAST(NULL AS VARCHAR) AS default_character_set_name, CAST(NULL AS VARCHAR) AS sql_path
  FROM @pg_namespace)",
    R"(table_constraints AS SELECT 'waybill' AS constraint_catalog,
  schema_name AS constraint_schema, key_name AS constraint_name, 'waybill' AS table_catalog,
  schema_name AS table_schema, table_name, 'PRIMARY KEY' AS constraint_type,
  'NO' AS is_deferrable, 'NO' AS initially_deferred, 'YES' AS enforced,
  CAST(NULL AS VARCHAR) AS nulls_distinct FROM @lake_keys)",
    R"(key_column_usage AS SELECT 'waybill' AS constraint_catalog,
  schema_name AS constraint_schema, key_name AS constraint_name, 'waybill' AS table_catalog,
  schema_name AS table_schema, table_name, unnest(columns) AS column_name,
  CAST(unnest(range(1, len(columns) + 1)) AS INTEGER) AS ordinal_position,
  CAST(NULL AS INTEGER) AS position_in_unique_constraint FROM @lake_keys)",
    R"(constraint_column_usage AS SELECT 'waybill' AS table_catalog, schema_name AS table_schema,
  table_name, unnest(columns) AS column_name, 'waybill' AS constraint_catalog,
  schema_name AS constraint_schema, key_name AS constraint_name FROM @lake_keys)",
    R"(table_privileges AS SELECT 'waybill' AS grantor,
  getvariable('pg_settings')['session_authorization'] AS grantee, 'waybill' AS table_catalog,
  schema_name AS table_schema, table_name, 'SELECT' AS privilege_type, 'NO' AS is_grantable,
  'YES' AS with_hierarchy FROM @lake_tables)",
    "role_table_grants AS SELECT * FROM postgres_catalog.information.table_privileges",
    R"(enabled_roles AS SELECT getvariable('pg_settings')['session_authorization'] AS role_name)",
    R"(applicable_roles AS SELECT getvariable('pg_settings')['session_authorization'] AS grantee,
  getvariable('pg_settings')['session_authorization'] AS role_name, 'NO' AS is_grantable)",
    "information_schema_catalog_name AS SELECT 'waybill' AS catalog_name",
});

struct EmptyTable {
  std::string_view name;
  std::string_view columns;
};
constexpr auto kEmpty = std::to_array<EmptyTable>({
    {"views",
     "table_catalog, table_schema, table_name, view_definition, check_option, is_updatable, "
     "is_insertable_into, is_trigger_updatable, is_trigger_deletable, "
     "is_trigger_insertable_into"},
    {"referential_constraints",
     "constraint_catalog, constraint_schema, constraint_name, unique_constraint_catalog, "
     "unique_constraint_schema, unique_constraint_name, match_option, update_rule, delete_rule"},
    {"check_constraints", "constraint_catalog, constraint_schema, constraint_name, check_clause"},
    {"constraint_table_usage",
     "table_catalog, table_schema, table_name, constraint_catalog, constraint_schema, "
     "constraint_name"},
    {"routines",
     "specific_catalog, specific_schema, specific_name, routine_catalog, routine_schema, "
     "routine_name, routine_type, data_type, type_udt_name, routine_definition, "
     "external_language"},
    {"parameters",
     "specific_catalog, specific_schema, specific_name, ordinal_position, parameter_mode, "
     "parameter_name, data_type, udt_name"},
    {"triggers",
     "trigger_catalog, trigger_schema, trigger_name, event_manipulation, event_object_schema, "
     "event_object_table, action_statement, action_timing"},
    {"sequences",
     "sequence_catalog, sequence_schema, sequence_name, data_type, start_value, minimum_value, "
     "maximum_value, increment, cycle_option"},
    {"column_privileges",
     "grantor, grantee, table_catalog, table_schema, table_name, column_name, privilege_type, "
     "is_grantable"},
    {"element_types",
     "object_catalog, object_schema, object_name, object_type, collection_type_identifier, "
     "data_type, udt_name"},
    {"domains", "domain_catalog, domain_schema, domain_name, data_type"},
    {"character_sets", "character_set_catalog, character_set_schema, character_set_name"},
    {"view_table_usage",
     "view_catalog, view_schema, view_name, table_catalog, table_schema, table_name"},
    {"foreign_tables",
     "foreign_table_catalog, foreign_table_schema, foreign_table_name, foreign_server_catalog, "
     "foreign_server_name"},
});

}  // namespace

std::vector<std::string> information_schema_statements() {
  std::vector<std::string> statements;
  for (const auto view : kViews) {
    statements.push_back("CREATE VIEW information." + with_catalog_names(view));
  }
  for (const auto& [name, columns] : kEmpty) {
    std::string typed;
    for (const char c : columns) typed += c == ',' ? " VARCHAR," : std::string(1, c);
    statements.push_back(fmt::format("CREATE TABLE information.{} ({} VARCHAR)", name, typed));
  }
  return statements;
}

bool is_information_view(std::string_view name) {
  for (const auto view : kViews) {
    if (view.starts_with(name) && view.substr(name.size()).starts_with(" AS")) return true;
  }
  for (const auto& table : kEmpty) {
    if (table.name == name) return true;
  }
  return false;
}

}  // namespace server
