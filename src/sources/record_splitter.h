// A file's text in chunks to records: CSV records by RFC 4180, or lines of JSON.
//
// The records are those of columns::split_csv over the whole text, whatever the chunks. A byte
// order mark and blank lines are left out. Pure; threads: one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sources {

inline constexpr std::size_t kRecordBytesMax = 4UL << 20;
// A quote that is not closed within this many bytes is taken as never closed.
inline constexpr std::size_t kQuotedBytesMax = 1UL << 20;

class RecordSplitter {
 public:
  enum class Kind : std::uint8_t { kCsv, kLines };
  explicit RecordSplitter(Kind kind, char separator = ',') : kind_(kind), separator_(separator) {}

  void feed(std::string_view chunk);
  void finish() { finished_ = true; }  // no chunk follows

  struct Record {
    std::string_view text;  // valid until the next call; without its line break
    std::int64_t line = 0;  // of its first byte, from 1
  };
  // The next record that is complete. False: feed more (or, after finish(), the end).
  bool next(Record& record);
  // The record at hand is longer than kRecordBytesMax; next() gives no more. Its line is line().
  bool too_long() const { return too_long_; }
  std::int64_t line() const { return line_; }

 private:
  bool find_end();
  bool end_unclosed_quote();
  bool scan_quoted();

  Kind kind_;
  char separator_;
  std::string buffer_;
  std::size_t start_ = 0;  // of the record at hand
  std::size_t at_ = 0;     // looked at up to here
  std::size_t quote_ = 0;  // where the open quote stands
  bool in_quote_ = false;
  bool field_start_ = true;
  bool finished_ = false;
  bool too_long_ = false;
  bool begun_ = false;  // past the byte order mark
  std::int64_t line_ = 1;
};

}  // namespace sources
