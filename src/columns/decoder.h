// Raw record values to typed columns, by a schema that a person wrote.
//
// A bad value never stops a batch: the row keeps what was good, the bad field is null, and a
// RowError says which row, which field and why. Rows with an error stay in the batch, so that row i
// of the batch is always record i of the input.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "columns/batch.h"

namespace columns {

struct RowError {
  std::size_t row = 0;
  std::string field;  // empty: the whole record
  std::string reason;
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  // Appends one row per value to `out` (of the decoder's schema) and the errors to `errors`, row
  // numbers counted from out.rows() at the call.
  virtual void decode(std::span<const std::string_view> values, Batch& out,
                      std::vector<RowError>& errors) = 0;
};

// JSON objects (RFC 8259), simdjson on demand. Members by field name; members that the schema does
// not have are ignored; a missing member is null; null in a non-nullable field, a value of another
// type, or a number out of range is an error. Timestamps are RFC 3339 text, or numbers of seconds,
// milliseconds or microseconds since the epoch (told apart by size); dates are YYYY-MM-DD.
// A string field takes any scalar as its JSON text, and nested values as their JSON text.
std::unique_ptr<Decoder> json_decoder(Schema schema);

// CSV lines (RFC 4180, one record per value, no header): `columns` names the fields in the line's
// order. Empty unquoted text is null. Wrong number of fields or a broken quote is an error of the
// whole record.
std::unique_ptr<Decoder> csv_decoder(Schema schema, std::vector<std::string> csv_columns,
                                     char separator = ',');

// Splits CSV text into records by RFC 4180 (quoted line breaks kept together). A quote that is
// never closed ends its record at the end of the line and is reported by csv_decoder. Empty lines
// are no records; a byte order mark at the start is left out.
struct CsvRecord {
  std::string_view text;  // without the line break
  std::int64_t line = 0;  // of its first byte, from 1
};
std::vector<CsvRecord> split_csv(std::string_view data, std::int64_t first_line = 1,
                                 char separator = ',');
// The fields of one record, unquoted. kInvalid for a broken quote. A quote inside an unquoted field
// stands for itself.
base::Result<std::vector<std::string>> csv_fields(std::string_view record, char separator = ',');

}  // namespace columns
