// COPY … TO STDOUT: its options, and rows as COPY writes them.
// Source: PostgreSQL documentation, "COPY", sections Options and File Formats.
//
// Threads: values; a writer by one thread at a time.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/postgres/backend.h"

namespace protocol::postgres {

struct CopyOptions {
  enum class Style : std::uint8_t { kText, kCsv, kBinary };
  Style style = Style::kText;
  char delimiter = '\t';
  std::string null = "\\N";
  bool header = false;
  char quote = '"';
  char escape = '"';
  bool quote_all = false;
  std::set<std::string> quoted;  // columns that are always in quotes
};

struct CopyOut {
  std::string query;  // what COPY TABLE (A, B) reads, or the query in parentheses
  CopyOptions options;
};

// nullopt: no COPY. An error for one that is not understood (42601, 22023) or not served: COPY
// FROM, and COPY to a file (25006).
std::expected<std::optional<CopyOut>, ErrorFields> read_copy(std::string_view sql);

// The messages of one COPY, from the DataRow messages of its query.
class CopyWriter {
 public:
  CopyWriter(CopyOptions options, std::vector<ColumnDescription> columns);

  // In what format the rows are wanted.
  Format format() const;
  void begin(std::string& out);
  // `rows`: whole DataRow messages.
  void append(std::string_view rows, std::string& out);
  void end(std::string& out);

 private:
  void append_text_value(std::string_view value, std::string& out) const;
  void append_csv_value(std::string_view value, bool quoted, std::string& out) const;
  void append_line(std::string_view row, std::string& out) const;

  const CopyOptions options_;
  const std::vector<ColumnDescription> columns_;
  std::vector<bool> quoted_;
  std::string binary_header_;  // goes with the first tuple, as drivers expect
};

}  // namespace protocol::postgres
