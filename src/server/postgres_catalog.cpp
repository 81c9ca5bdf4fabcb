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
    // What the lake has no values of, and clients look up at their start.
    {22, "int2vector", "int2vector", 'A', 1006},
    {24, "regproc", "regproc", 'N', 1008},
    {27, "tid", "tid", 'U', 1010},
    {28, "xid", "xid", 'U', 1011},
    {30, "oidvector", "oidvector", 'A', 1013},
    {142, "xml", "xml", 'U', 143},
    {600, "point", "point", 'G', 1017},
    {650, "cidr", "cidr", 'I', 651},
    {774, "macaddr8", "macaddr8", 'U', 775},
    {790, "money", "money", 'N', 791},
    {829, "macaddr", "macaddr", 'U', 1040},
    {869, "inet", "inet", 'I', 1041},
    {1560, "bit", "bit", 'V', 1561},
    {1562, "varbit", "bit varying", 'V', 1563},
    {2205, "regclass", "regclass", 'N', 2210},
    {2206, "regtype", "regtype", 'N', 2211},
    {2249, "record", "record", 'P', 2287},
    {2278, "void", "void", 'P', 0},
    {3614, "tsvector", "tsvector", 'U', 3643},
    {3904, "int4range", "int4range", 'R', 3905},
    {4089, "regnamespace", "regnamespace", 'N', 4090},
    {4096, "regrole", "regrole", 'N', 4097},
});

// DuckDB's type names to OIDs: DECIMAL(10,2) and lists go by their form. A macro writes its
// argument once, since each use is a copy of it: copies of copies would make binding exponential.
constexpr std::string_view kTypeOid = R"(
CREATE MACRO duckdb_type_oid(t) AS coalesce(MAP {'LIST': 114, 'STRUCT': 114, 'MAP': 114,
  'JSON': 114, 'DECIMAL': 1700, 'BOOLEAN': 16, 'TINYINT': 21, 'UTINYINT': 21, 'SMALLINT': 21,
  'USMALLINT': 23, 'INTEGER': 23, 'UINTEGER': 20, 'BIGINT': 20, 'UBIGINT': 1700, 'HUGEINT': 1700,
  'UHUGEINT': 1700, 'FLOAT': 700, 'DOUBLE': 701, 'BLOB': 17, 'DATE': 1082, 'TIME': 1083,
  'TIME WITH TIME ZONE': 1266, 'TIMESTAMP WITH TIME ZONE': 1184, 'TIMESTAMP': 1114,
  'TIMESTAMP_S': 1114, 'TIMESTAMP_MS': 1114, 'TIMESTAMP_NS': 1114, 'INTERVAL': 1186, 'UUID': 2950}
  [regexp_replace(regexp_replace(t, '^.*\]$', 'LIST'), '\(.*$', '')], 25))";

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
  std::string names;
  for (const auto& type : kTypes) {
    names += fmt::format("{}{}: '{}'", names.empty() ? "" : ", ", type.oid, type.sql_name);
    if (type.array != 0) names += fmt::format(", {}: '{}[]'", type.array, type.sql_name);
  }
  return "CREATE MACRO format_type(id, modifier) AS coalesce(MAP {" + names +
         "}[id], CASE WHEN id IS NOT NULL THEN repeat('?', 3) END) || CASE WHEN modifier > 4 AND "
         "id = "
         "1700 "
         "THEN '(' || (modifier - 4) // 65536 || ',' || (modifier - 4) % 65536 || ')' ELSE '' END";
}

}  // namespace

std::string with_catalog_names(std::string_view text) {
  std::string sql;
  for (const char c : text) {
    if (c == '@') {
      sql += fmt::format("{}.main.", kCompatDatabase);
    } else {
      sql += c;
    }
  }
  return sql;
}

std::vector<std::string> postgres_catalog_statements() {
  std::vector<std::string> statements = {fmt::format("USE {}", kCompatDatabase),
                                         "CREATE SCHEMA information"};
  statements.emplace_back(kTypeOid);
  statements.push_back(format_type_macro());
  statements.push_back(type_view());
  for (auto& statement : postgres_relation_statements()) statements.push_back(std::move(statement));
  for (auto& statement : postgres_function_statements()) statements.push_back(std::move(statement));
  for (auto& statement : information_schema_statements()) {
    statements.push_back(std::move(statement));
  }
  for (auto& statement : postgres_dialect_statements()) statements.push_back(std::move(statement));
  statements.push_back(fmt::format("USE {}", kLakeDatabase));
  return statements;
}

}  // namespace server
