#include "server/postgres_rows.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "protocol/postgres/lexer.h"
#include "protocol/postgres/types.h"
#include "server/postgres_error.h"

namespace server {

namespace {

using protocol::postgres::Answer;
using protocol::postgres::ColumnDescription;
using protocol::postgres::Format;
using protocol::postgres::Oid;
using sql::Kind;
namespace pg = protocol::postgres;
namespace oid = protocol::postgres::oid;

constexpr Oid kTextArray = 1009;

// 0 when the token is no parameter, or beyond what one statement can have.
std::size_t parameter_number(const pg::Token& token) {
  if (token.kind != pg::Token::Kind::kParameter) return 0;
  std::size_t number = 0;
  std::from_chars(token.text.data() + 1, token.text.data() + token.text.size(), number);
  return number <= pg::kParametersMax ? number : 0;
}

// `sql` with what `replace` gives for each parameter; "" leaves it.
template <class Replace>
std::string replace_parameters(const std::string& sql, Replace replace) {
  if (sql.find('$') == std::string::npos) return sql;
  std::string out;
  std::size_t copied = 0;
  for (const auto& token : pg::tokenize(sql)) {
    const auto number = parameter_number(token);
    if (number == 0) continue;
    const std::string text = replace(number, token.text);
    if (text.empty()) continue;
    out.append(sql, copied, token.offset - copied).append(text);
    copied = token.end();
  }
  return out.append(sql, copied);
}

struct ArrayName {
  std::string_view element;
  Oid array;
};
constexpr auto kArrayNames = std::to_array<ArrayName>({
    {"bool", 1000},        {"boolean", 1000}, {"smallint", 1005},   {"int2", 1005},
    {"int", 1007},         {"integer", 1007}, {"int4", 1007},       {"bigint", 1016},
    {"int8", 1016},        {"real", 1021},    {"float4", 1021},     {"float", 1021},
    {"double", 1022},      {"float8", 1022},  {"date", 1182},       {"timestamp", 1115},
    {"timestamptz", 1185}, {"uuid", 2951},    {"numeric", 1231},    {"decimal", 1231},
    {"text", kTextArray},  {"oid", 1028},     {"name", kTextArray}, {"varchar", kTextArray},
});

// The array type that the words around the parameter at `at` give it: ANY($1), $1::bigint[],
// CAST($1 AS bigint[]). 0: none.
Oid array_at(const std::vector<pg::Token>& tokens, std::size_t at) {
  const auto is = [&](std::size_t index, char symbol) {
    return index < tokens.size() && tokens[index].is(symbol);
  };
  const bool cast =
      at + 1 < tokens.size() && (tokens[at + 1].text == "::" || tokens[at + 1].is_word("as"));
  if (cast && is(at + 3, '[') && is(at + 4, ']')) {
    const auto name = pg::name_of(tokens[at + 2]);
    const auto found = std::find_if(kArrayNames.begin(), kArrayNames.end(),
                                    [&](const ArrayName& row) { return row.element == name; });
    return found == kArrayNames.end() ? kTextArray : found->array;
  }
  if (at < 2 || !tokens[at - 1].is('(') || !is(at + 1, ')')) return 0;
  const auto& word = tokens[at - 2];
  return word.is_word("any") || word.is_word("all") || word.is_word("some") ? kTextArray : 0;
}

// "" for types that need no cast: texts, and what DuckDB does not have.
std::string cast_target(Oid type) {
  switch (type) {
    case oid::kBool:
      return "BOOLEAN";
    case oid::kInt2:
      return "SMALLINT";
    case oid::kInt4:
      return "INTEGER";
    case oid::kInt8:
      return "BIGINT";
    case oid::kOid:
      return "BIGINT";
    case oid::kFloat4:
      return "FLOAT";
    case oid::kFloat8:
      return "DOUBLE";
    case oid::kNumeric:
      return "DECIMAL(38, 10)";
    case oid::kDate:
      return "DATE";
    case oid::kTime:
      return "TIME";
    case oid::kTimestamp:
      return "TIMESTAMP";
    case oid::kTimestampTz:
      return "TIMESTAMPTZ";
    case oid::kInterval:
      return "INTERVAL";
    case oid::kUuid:
      return "UUID";
    case oid::kBytea:
      return "BLOB";
    default:
      break;
  }
  const auto element = pg::array_element(type);
  if (element == 0) return "";
  const auto target = cast_target(element);
  return (target.empty() ? "VARCHAR" : target) + "[]";
}

void append_quoted(std::string& out, std::string_view value) {
  out.push_back('"');
  for (const char c : value) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

// "\x0aff" as "\x0A\xFF".
base::Result<std::string> blob_text(const std::string& text) {
  if (!text.starts_with("\\x") || text.size() % 2 != 0) {
    return base::fail_with(base::Code::kInvalid, "invalid input for type bytea",
                           "send it as \\x and hexadecimal digits");
  }
  std::string out;
  for (std::size_t i = 2; i < text.size(); i += 2) out.append("\\x").append(text, i, 2);
  return out;
}

// "{1,NULL,"a b"}" as "["1", NULL, "a b"]".
base::Result<std::string> list_text(Oid element, std::string_view text) {
  const auto broken = base::fail_with(base::Code::kInvalid, "invalid input for an array type",
                                      "write {value,value}; one dimension is taken");
  if (!text.starts_with('{') || !text.ends_with('}') || text.size() < 2) return broken;
  text = text.substr(1, text.size() - 2);
  std::string out = "[";
  for (std::size_t i = 0; i < text.size();) {
    std::string value;
    bool quoted = false;
    if (text[i] == '{') return broken;
    if (text[i] == '"') {
      quoted = true;
      for (++i; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) ++i;
        value.push_back(text[i]);
      }
      if (i++ >= text.size()) return broken;
    } else {
      while (i < text.size() && text[i] != ',') value.push_back(text[i++]);
    }
    if (out.size() > 1) out += ", ";
    if (!quoted && pg::lower(value) == "null") {
      out += "NULL";
    } else {
      append_quoted(out, TRY(duckdb_text(element, value)));
    }
    if (i < text.size() && text[i++] != ',') return broken;
  }
  return out + "]";
}

}  // namespace

Oid oid_of(Kind kind) {
  switch (kind) {
    case Kind::kBoolean:
      return oid::kBool;
    case Kind::kTinyInt:
    case Kind::kUTinyInt:
    case Kind::kSmallInt:
      return oid::kInt2;
    case Kind::kUSmallInt:
    case Kind::kInteger:
      return oid::kInt4;
    case Kind::kUInteger:
    case Kind::kBigInt:
      return oid::kInt8;
    case Kind::kUBigInt:
    case Kind::kHugeInt:
    case Kind::kUHugeInt:
    case Kind::kDecimal:
      return oid::kNumeric;
    case Kind::kFloat:
      return oid::kFloat4;
    case Kind::kDouble:
      return oid::kFloat8;
    case Kind::kBlob:
      return oid::kBytea;
    case Kind::kDate:
      return oid::kDate;
    case Kind::kTime:
      return oid::kTime;
    case Kind::kTimeTz:
      return oid::kTimeTz;
    case Kind::kTimestamp:
    case Kind::kTimestampS:
    case Kind::kTimestampMs:
    case Kind::kTimestampNs:
      return oid::kTimestamp;
    case Kind::kTimestampTz:
      return oid::kTimestampTz;
    case Kind::kInterval:
      return oid::kInterval;
    case Kind::kUuid:
      return oid::kUuid;
    case Kind::kList:
    case Kind::kStruct:
    case Kind::kMap:
    case Kind::kArray:
      return oid::kJson;
    case Kind::kVarchar:
    case Kind::kEnum:
    case Kind::kUnion:
    case Kind::kBit:
    case Kind::kNull:
    case Kind::kOther:
      break;
  }
  return oid::kText;
}

std::vector<ColumnDescription> describe_columns(const std::vector<sql::ColumnInfo>& columns) {
  std::vector<ColumnDescription> described;
  described.reserve(columns.size());
  for (const auto& column : columns) {
    ColumnDescription description{.name = column.name, .type = oid_of(column.kind)};
    if (column.type == "JSON") description.type = oid::kJson;
    // Lists of plain values are arrays; deeper ones JSON.
    if (column.element != Kind::kNull && oid_of(column.element) != oid::kJson)
      description.type = pg::array_of(oid_of(column.element));
    description.type_size = pg::type_size(description.type);
    if (column.kind == Kind::kDecimal)
      description.type_modifier = (column.width << 16 | column.scale) + 4;
    described.push_back(std::move(description));
  }
  return described;
}

std::vector<Oid> parameter_types(const std::string& sql, const std::vector<Oid>& named) {
  auto types = named;
  const auto tokens = pg::tokenize(sql);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto number = parameter_number(tokens[i]);
    if (number == 0) continue;
    const auto array = array_at(tokens, i);
    if (array == 0) continue;
    if (types.size() < number) types.resize(number);
    auto& type = types[number - 1];
    if (type == 0 || type == oid::kUnknown) type = array;
  }
  return types;
}

std::string cast_parameters(const std::string& sql, const std::vector<Oid>& types, bool texts) {
  return replace_parameters(sql, [&](std::size_t number, std::string_view name) -> std::string {
    if (number > types.size()) return "";
    const auto target = cast_target(types[number - 1]);
    if (target.empty() && !texts) return "";
    return fmt::format("CAST({} AS {})", name, target.empty() ? "VARCHAR" : target);
  });
}

std::string null_parameters(const std::string& sql, const std::vector<Oid>& types) {
  return replace_parameters(sql, [&](std::size_t number, std::string_view) -> std::string {
    const auto target = number > types.size() ? "" : cast_target(types[number - 1]);
    return fmt::format("CAST(NULL AS {})", target.empty() ? "VARCHAR" : target);
  });
}

base::Result<std::string> duckdb_text(Oid type, const std::string& text) {
  if (type == oid::kBytea) return blob_text(text);
  if (const auto element = pg::array_element(type); element != 0) return list_text(element, text);
  return text;
}

}  // namespace server
