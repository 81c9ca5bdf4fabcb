// Records as lines of text: what `waybill consume` prints and `waybill produce` reads.
//
// Threads: values, no state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace cli {

using Header = std::pair<std::string, std::optional<std::string>>;

// Of a record that is read, or is to be written (then without offset and topic).
struct KafkaRecord {
  std::string topic = {};
  std::int32_t partition = -1;  // -1 to be written: by the key
  std::int64_t offset = -1;
  std::int64_t timestamp_ms = -1;  // since 1970; -1 to be written: now
  std::optional<std::string> key = {};
  std::optional<std::string> value = {};
  std::vector<Header> headers = {};
};

// How a record is printed: "text", "json" (one object a line), "key-value", or a pattern with
// %k key, %v value, %h headers, %t time, %T milliseconds since 1970, %o offset, %p partition,
// %n topic, %% and \n, \t. kInvalid names the letter that means nothing.
class RecordFormat {
 public:
  static base::Result<RecordFormat> parse(std::string_view text);
  // With its line end; a pattern that has none gets one.
  std::string print(const KafkaRecord& record) const;

 private:
  enum class Kind : std::uint8_t { kText, kJson, kKeyValue, kPattern };
  std::string print_pattern(const KafkaRecord& record) const;

  Kind kind_ = Kind::kText;
  std::string pattern_;
};

enum class InputFormat : std::uint8_t {
  kText,         // a line is a value, or KEY SEPARATOR VALUE
  kJson,         // the same, and the value has to be JSON
  kJsonRecords,  // a line is an object as "json" prints it: key, value, headers, partition,
                 // timestamp
};
base::Result<InputFormat> parse_input_format(std::string_view text);

// One line, without its end. An empty separator: no key. kInvalid says what is wrong with it.
base::Result<KafkaRecord> read_record(std::string_view line, InputFormat format,
                                      std::string_view key_separator);
// "name=value"; without '=' the value is null.
Header parse_header(std::string_view text);

}  // namespace cli
