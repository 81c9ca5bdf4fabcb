// Reading one CSV record field by field (RFC 4180), for the splitter and the decoder.
//
// Threads: values.
#pragma once

#include <string>
#include <string_view>

namespace columns {

class CsvReader {
 public:
  CsvReader(std::string_view record, char separator) : text_(record), separator_(separator) {}

  // The next field, valid until the next call. False at the end of the record and for a broken
  // quote; then reason() is set.
  bool next(std::string_view& field);
  bool was_quoted() const { return quoted_; }
  const std::string& reason() const { return reason_; }

 private:
  bool next_quoted(std::string_view& field);

  std::string_view text_;
  char separator_;
  std::size_t at_ = 0;
  bool done_ = false;
  bool quoted_ = false;
  std::string unescaped_;
  std::string reason_;
};

}  // namespace columns
