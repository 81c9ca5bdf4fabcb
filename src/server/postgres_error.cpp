#include "server/postgres_error.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "server/sql_session_guard.h"
#include "server/sql_writes.h"

namespace server {

namespace {

using base::Code;

struct Row {
  std::string_view prefix;  // DuckDB's kind of error; "" for any
  std::string_view part;    // of the message; "" for any
  const char* sqlstate;
};
// The first row that fits counts.
constexpr auto kRows = std::to_array<Row>({
    {"", kOnlyReads, "25006"},
    {"", kNotAllowed, "42501"},
    {"", kNoRight, "42501"},
    {"", "a row breaks the constraint", "23514"},
    {"", "is to be changed by two rows", "21000"},
    {"", "match several rows of the source", "21000"},
    {"", "has no column", "42703"},
    {"", "it is no column of the table", "42703"},
    {"", "already exists", "42P07"},
    {"", "relation \"", "42P01"},
    {"", "square root of a negative", "2201F"},
    {"", "cannot take logarithm", "2201E"},
    {"", "LIMIT/OFFSET cannot be negative", "2201W"},
    {"", "More than one row returned by a subquery", "21000"},
    {"Binder Error", "Set operations can only apply", "42601"},
    {"Binder Error", "Subquery returns", "42601"},
    {"Binder Error", "cannot contain window functions", "42P20"},
    {"Binder Error", "ORDER term out of range", "42P10"},
    {"Binder Error", "Could not choose a best candidate", "42725"},
    {"", "extract specifier", "22023"},
    {"Conversion Error", "Could not cast value", "22003"},
    {"Parser Error", "", "42601"},
    {"", "syntax error", "42601"},
    {"Catalog Error", "Table with name", "42P01"},
    {"Catalog Error", "Function with name", "42883"},
    {"Catalog Error", "Macro", "42883"},
    {"Catalog Error", "Type with name", "42704"},
    {"Catalog Error", "Schema with name", "3F000"},
    {"Catalog Error", "", "42704"},
    {"Binder Error", "Referenced column", "42703"},
    {"Binder Error", "does not have a column", "42703"},
    {"Binder Error", "Referenced table", "42P01"},
    {"Binder Error", "Ambiguous reference", "42702"},
    {"Binder Error", "must appear in the GROUP BY", "42803"},
    {"Binder Error", "aggregate", "42803"},
    {"Binder Error", "No function matches", "42883"},
    {"Binder Error", "does not support the supplied arguments", "42883"},
    {"Binder Error", "Cannot compare values", "42804"},
    {"Binder Error", "Cannot mix values", "42804"},
    {"Binder Error", "Catalog", "3F000"},
    {"Binder Error", "", "42000"},
    {"", "ivision by zero", "22012"},
    {"Conversion Error", "field value out of range", "22008"},
    {"Conversion Error", "invalid timestamp", "22007"},
    {"Conversion Error", "invalid date", "22007"},
    {"Conversion Error", "out of range", "22003"},
    {"Conversion Error", "", "22P02"},
    {"Out of Range Error", "", "22003"},
    {"Invalid Input Error", "", "22023"},
    {"Invalid Type Error", "", "42804"},
    {"Mismatch Type Error", "", "42804"},
    {"INTERRUPT Error", "", "57014"},
    {"Out of Memory Error", "", "53200"},
    {"Not implemented Error", "", "0A000"},
    {"IO Error", "", "58030"},
    {"Permission Error", "", "42501"},
    {"TransactionContext Error", "", "40001"},
});

const char* by_code(Code code) {
  switch (code) {
    case Code::kInvalid:
      return "22023";
    case Code::kNotFound:
      return "42P01";
    case Code::kAlreadyExists:
      return "42710";
    case Code::kConflict:
      return "40001";
    case Code::kUnavailable:
      return "57P03";
    case Code::kLimit:
      return "54000";
    case Code::kIo:
      return "58030";
    case Code::kCorrupt:
      return "XX001";
    case Code::kUnsupported:
      return "0A000";
    case Code::kCancelled:
      return "57014";
  }
  return "XX000";
}

const char* sqlstate_of(const base::Error& error) {
  if (error.code == Code::kCancelled) return "57014";
  const auto& message = error.message;
  for (const auto& row : kRows) {
    const bool prefix = message.find(row.prefix) != std::string::npos;
    if (prefix && message.find(row.part) != std::string::npos) return row.sqlstate;
  }
  return by_code(error.code);
}

// Characters of UTF-8 text before byte `end`.
int characters(std::string_view text, std::size_t end) {
  return static_cast<int>(std::count_if(
      text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(end, text.size())),
      [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// DuckDB shows "LINE 2: …text…" with "^" below; a long line is cut, with "..." at the cut ends.
int position_of(std::string_view message, const std::string& sql) {
  const auto label = message.rfind("LINE ");
  if (label == std::string_view::npos) return 0;
  int line = 0;
  const auto [digits_end, error] =
      std::from_chars(message.data() + label + 5, message.data() + message.size(), line);
  const auto text_at = static_cast<std::size_t>(digits_end - message.data()) + 2;
  const auto line_end = message.find('\n', label);
  if (error != std::errc() || line_end == std::string_view::npos || text_at > line_end) return 0;
  const auto caret = message.find('^', line_end);
  if (caret == std::string_view::npos) return 0;
  auto shown = message.substr(text_at, line_end - text_at);
  const auto width = text_at - label;
  if (caret - line_end - 1 < width) return 0;
  auto column = caret - line_end - 1 - width;
  std::size_t start = 0;
  for (int i = 1; i < line; ++i) {
    start = sql.find('\n', start);
    if (start == std::string::npos) return 0;
    ++start;
  }
  if (shown.starts_with("...") && column >= 3) {
    shown = shown.substr(3);
    column -= 3;
    if (shown.ends_with("...")) shown.remove_suffix(3);
    const auto found = sql.find(shown, start);
    if (found == std::string::npos) return 0;
    start = found;
  }
  // The column counts characters, not bytes.
  return characters(sql, start) + static_cast<int>(column) + 1;
}

}  // namespace

protocol::postgres::ErrorFields postgres_error(const base::Error& error, const std::string& sql) {
  protocol::postgres::ErrorFields fields;
  fields.sqlstate = sqlstate_of(error);
  fields.position = position_of(error.message, sql);
  fields.hint = error.mend;
  std::string_view message = error.message;
  if (const auto place = message.find("\n\nLINE "); place != std::string_view::npos)
    message = message.substr(0, place);
  // DuckDB names the kind of error first: the SQLSTATE says it here.
  for (const auto& row : kRows) {
    if (row.prefix.empty() || !message.starts_with(row.prefix)) continue;
    message.remove_prefix(std::min(message.size(), row.prefix.size() + 2));
    break;
  }
  const auto end = message.find('\n');
  fields.message = message.substr(0, end);
  if (end != std::string_view::npos) {
    const auto rest = message.substr(end + 1);
    if (fields.hint.empty() &&
        (rest.starts_with("Did you mean") || rest.starts_with("Candidate bindings"))) {
      fields.hint = rest;
    } else {
      fields.detail = rest;
    }
  }
  return fields;
}

}  // namespace server
