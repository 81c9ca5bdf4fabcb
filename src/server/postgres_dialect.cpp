// Operators and functions that PostgreSQL has and DuckDB has not, or with another meaning, as
// macros. Where DuckDB's own name means something else, postgres_rewrite.cpp calls them by a name
// with "postgres_" in front, so that SQL in DuckDB's words keeps its meaning.
#include <array>
#include <string_view>

#include "server/postgres_catalog.h"

namespace server {
namespace {

constexpr auto kMacros = std::to_array<std::string_view>({
    // Integers divide to integers, and zero is an error (sql/postgres_functions.h).
    R"("/"(a, b) AS postgres_divide(a, b))",
    R"("%"(a, b) AS CASE WHEN b = 0 THEN error('division by zero') ELSE system.main."%"(a, b) END)",
    "postgres_mod(a, b) AS CASE WHEN b = 0 THEN error('division by zero') ELSE"
    " system.main.mod(a, b) END",
    "div(a, b) AS CASE WHEN b = 0 THEN error('division by zero') ELSE trunc(a / b) END",
    // Matching a part of a text.
    R"("@~"(a, b) AS regexp_matches(a, b))",
    R"("!@~"(a, b) AS NOT regexp_matches(a, b))",
    R"("~*"(a, b) AS regexp_matches(a, b, 'i'))",
    R"("!~*"(a, b) AS NOT regexp_matches(a, b, 'i'))",
    "regexp_match(a, b) AS CASE WHEN regexp_matches(a, b) THEN CASE WHEN"
    " len(regexp_extract_all(b, '\\((?:[^?])')) > 0 THEN regexp_extract_all(a, b, 1)[1:1] ELSE"
    " [regexp_extract(a, b)] END END",
    // Texts.
    "overlay(a, b, c, d) AS left(a, c - 1) || b || substr(a, c + d)",
    "to_hex_text(a) AS lower(to_hex(a))",
    "postgres_substr(a, b, c) AS CASE WHEN c < 0 THEN error('negative substring length not"
    " allowed') ELSE substr(a, greatest(b, 1), greatest(c + least(b, 1) - 1, 0)) END,"
    " (a, b) AS substr(a, greatest(b, 1))",
    "parse_ident(a) AS string_split(replace(a, '\"', ''), '.')",
    // %s, %I and %L, the first of them; PostgreSQL's format for up to three values.
    "postgres_format_one(f, a) AS regexp_replace(f, '%[sIL]', replace(CASE regexp_extract(f,"
    " '%[sIL]') WHEN '%I' THEN quote_ident(CAST(a AS VARCHAR)) WHEN '%L' THEN"
    " quote_nullable(a) ELSE coalesce(CAST(a AS VARCHAR), '') END, '\\', '\\\\'))",
    "postgres_format(f) AS f, (f, a) AS postgres_format_one(f, a),"
    " (f, a, b) AS postgres_format_one(postgres_format_one(f, a), b),"
    " (f, a, b, c) AS postgres_format_one(postgres_format_one(postgres_format_one(f, a), b), c)",
    "postgres_length(a) AS CAST(length(a) AS INTEGER)",
    "postgres_octet_length(a) AS CAST(strlen(a) AS INTEGER)",
    "bit_length(a) AS CAST(strlen(a) * 8 AS INTEGER)",
    "position(a, b) AS CAST(system.main.position(a, b) AS INTEGER)",
    "postgres_strpos(a, b) AS CAST(instr(a, b) AS INTEGER)",
    "postgres_lpad(a, b) AS lpad(a, b, ' '), (a, b, c) AS lpad(a, b, c)",
    "postgres_rpad(a, b) AS rpad(a, b, ' '), (a, b, c) AS rpad(a, b, c)",
    "postgres_encode(a) AS encode(a), (a, f) AS CASE f WHEN 'base64' THEN to_base64(CAST(a AS "
    "BLOB))"
    " WHEN 'hex' THEN lower(hex(CAST(a AS BLOB))) ELSE error('unrecognized encoding') END",
    "postgres_decode(a) AS decode(a), (a, f) AS CASE f WHEN 'base64' THEN from_base64(a)"
    " WHEN 'hex' THEN unhex(a) ELSE CAST(error('unrecognized encoding') AS BLOB) END",
    "postgres_array_length(a) AS len(a), (a, dimension) AS CASE WHEN len(a) > 0 THEN"
    " CAST(len(a) AS INTEGER) END",
    "postgres_array_position(a, b) AS CAST(list_position(a, b) AS INTEGER)",
    "postgres_json_array_length(a) AS CAST(json_array_length(a) AS INTEGER)",
    "to_timestamp(a) AS system.main.to_timestamp(a), (a, f) AS postgres_parse_time(a, f)",
    "postgres_to_date(a, f) AS CAST(postgres_parse_time(a, f) AS DATE)",
    "btrim(a) AS trim(a), (a, b) AS trim(a, b)",
    "to_char(a, b) AS postgres_to_char(a, b)",
    "regexp_count(a, b) AS len(regexp_extract_all(a, b))",
    // Times.
    "postgres_date_part(f, x) AS CAST(CASE WHEN lower(f) IN ('second', 'seconds') THEN"
    " system.main.date_part('microsecond', x) / 1000000.0 ELSE system.main.date_part(f, x) END"
    " AS DOUBLE)",
    "make_interval(years := 0, months := 0, weeks := 0, days := 0, hours := 0, mins := 0,"
    " secs := 0) AS to_months(CAST(years * 12 + months AS INTEGER)) +"
    " to_days(CAST(weeks * 7 + days AS INTEGER)) + to_hours(hours) + to_minutes(mins) +"
    " to_microseconds(CAST(secs * 1000000 AS BIGINT))",
    "justify_hours(i) AS to_months(CAST(datepart('month', i) + 12 * datepart('year', i) AS "
    "INTEGER))"
    " + to_days(CAST(datepart('day', i) + datepart('hour', i) // 24 AS INTEGER)) +"
    " to_microseconds(datepart('hour', i) % 24 * 3600000000 + datepart('minute', i) * 60000000 +"
    " datepart('microsecond', i))",
    "justify_days(i) AS to_months(CAST(datepart('month', i) + 12 * datepart('year', i) +"
    " datepart('day', i) // 30 AS INTEGER)) + to_days(CAST(datepart('day', i) % 30 AS INTEGER)) +"
    " to_microseconds(datepart('hour', i) * 3600000000 + datepart('minute', i) * 60000000 +"
    " datepart('microsecond', i))",
    "date_bin(stride, x, origin) AS time_bucket(CAST(stride AS INTERVAL), x, origin)",
    "clock_timestamp() AS now()",
    "statement_timestamp() AS now()",
    "transaction_timestamp() AS now()",
    "localtimestamp() AS CAST(now() AS TIMESTAMP)",
    // Arrays.
    "cardinality(a) AS CAST(len(a) AS INTEGER)",
    "array_remove(a, b) AS list_filter(a, lambda x: x IS DISTINCT FROM b)",
    // JSON.
    "json_typeof(a) AS CASE json_type(a) WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array'"
    " WHEN 'VARCHAR' THEN 'string' WHEN 'BOOLEAN' THEN 'boolean' WHEN 'NULL' THEN 'null'"
    " ELSE 'number' END",
    "jsonb_typeof(a) AS json_typeof(a)",
    "to_jsonb(a) AS to_json(a)",
    "row_to_json(a) AS to_json(a)",
    // A path of names: '{a,0}'.
    "json_path_of(p) AS '$' || array_to_string(list_transform(string_split(trim(p, '{}'), ','),"
    " lambda x: CASE WHEN regexp_full_match(x, '[0-9]+') THEN '[' || x || ']' ELSE '.\"' || x ||"
    " '\"' END), '')",
    // Types.
    "pg_typeof(a) AS format_type(duckdb_type_oid(typeof(a)), -1)",
});

}  // namespace

std::vector<std::string> postgres_dialect_statements() {
  std::vector<std::string> statements;
  for (const auto macro : kMacros) statements.push_back("CREATE MACRO " + std::string(macro));
  return statements;
}

}  // namespace server
