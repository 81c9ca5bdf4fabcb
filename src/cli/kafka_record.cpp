#include "cli/kafka_record.h"

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/clock.h"

namespace cli {
namespace {

using nlohmann::json;

bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(json(text).dump());
    return true;
  } catch (const json::exception&) {
    return false;
  }
}

// NAME, or NAME_base64 where the bytes are not text.
void put_bytes(json& object, const std::string& name, const std::optional<std::string>& bytes) {
  if (!bytes)
    object[name] = nullptr;
  else if (is_utf8(*bytes))
    object[name] = *bytes;
  else
    object[name + "_base64"] = base::encode_base64(*bytes);
}

base::Result<std::optional<std::string>> take_bytes(const json& object, const std::string& name) {
  if (const auto it = object.find(name + "_base64"); it != object.end()) {
    if (!it->is_string()) return base::fail(base::Code::kInvalid, "{}_base64 is no text", name);
    auto text = it->get<std::string>();
    while (text.size() % 4 != 0) text.push_back('=');
    auto bytes = base::decode_base64(text);
    if (bytes) return bytes;
    return base::fail_with(base::Code::kInvalid, fmt::format("{}_base64 is not base64", name),
                           "write the bytes in base64");
  }
  const auto it = object.find(name);
  if (it == object.end() || it->is_null()) return std::nullopt;
  return it->is_string() ? it->get<std::string>() : it->dump();
}

// What a terminal would not show, as \xNN.
std::string shown(const std::string& bytes) {
  const bool text = is_utf8(bytes);
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte < 0x20 || byte == 0x7F || (!text && byte >= 0x80))
      out += fmt::format("\\x{:02x}", byte);
    else
      out.push_back(c);
  }
  return out;
}

std::string shown(const std::optional<std::string>& bytes) {
  return bytes ? shown(*bytes) : "null";
}

std::string headers_text(const KafkaRecord& record) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : record.headers)
    parts.push_back(fmt::format("{}={}", shown(name), shown(value)));
  return fmt::format("{}", fmt::join(parts, ","));
}

// Always with three digits of the second, so that lines stand below each other.
std::string time_text(const KafkaRecord& record) {
  if (record.timestamp_ms < 0) return "-";
  const std::int64_t part = record.timestamp_ms % 1000;
  std::string text = base::format_rfc3339((record.timestamp_ms - part) * base::kUsPerMs);
  text.pop_back();  // the Z
  return fmt::format("{}.{:03}Z", text, part);
}

std::string json_line(const KafkaRecord& record) {
  json object{{"topic", record.topic},
              {"partition", record.partition},
              {"offset", record.offset},
              {"timestamp", record.timestamp_ms}};
  put_bytes(object, "key", record.key);
  put_bytes(object, "value", record.value);
  json headers = json::array();
  for (const auto& [name, value] : record.headers) {
    json header{{"name", name}};
    put_bytes(header, "value", value);
    headers.push_back(std::move(header));
  }
  object["headers"] = std::move(headers);
  return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

base::Result<std::vector<Header>> take_headers(const json& object) {
  std::vector<Header> headers;
  const auto it = object.find("headers");
  if (it == object.end() || it->is_null()) return headers;
  if (it->is_object()) {
    for (const auto& [name, value] : it->items())
      headers.emplace_back(name, TRY(take_bytes(*it, name)));
    return headers;
  }
  for (const auto& header : *it) {
    if (!header.is_object() || !header.contains("name") || !header["name"].is_string())
      return base::fail(base::Code::kInvalid, "a header is no object with a name");
    headers.emplace_back(header["name"].get<std::string>(), TRY(take_bytes(header, "value")));
  }
  return headers;
}

base::Result<std::int64_t> take_number(const json& object, const char* name,
                                       std::int64_t otherwise) {
  const auto it = object.find(name);
  if (it == object.end()) return otherwise;
  if (!it->is_number_integer()) return base::fail(base::Code::kInvalid, "{} is no number", name);
  return it->get<std::int64_t>();
}

base::Result<KafkaRecord> read_json_record(std::string_view line) {
  const json object = json::parse(line, nullptr, false);
  if (!object.is_object()) {
    return base::fail_with(base::Code::kInvalid, "the line is no JSON object",
                           R"(write {"key":"k","value":"v"} on each line)");
  }
  KafkaRecord record;
  record.key = TRY(take_bytes(object, "key"));
  record.value = TRY(take_bytes(object, "value"));
  record.headers = TRY(take_headers(object));
  const std::int64_t partition = TRY(take_number(object, "partition", -1));
  if (partition < -1 || partition > INT32_MAX)
    return base::fail(base::Code::kInvalid, "{} is no partition", partition);
  record.partition = static_cast<std::int32_t>(partition);
  record.timestamp_ms = TRY(take_number(object, "timestamp", -1));
  return record;
}

}  // namespace

base::Result<RecordFormat> RecordFormat::parse(std::string_view text) {
  RecordFormat format;
  if (text == "text") return format;
  if (text == "json") {
    format.kind_ = Kind::kJson;
    return format;
  }
  if (text == "key-value") {
    format.kind_ = Kind::kKeyValue;
    return format;
  }
  if (!text.contains('%')) {
    return base::fail_with(base::Code::kInvalid, fmt::format("'{}' is no format of records", text),
                           "use text, json, key-value or a pattern such as '%o %k %v'");
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') continue;
    ++i;
    if (i == text.size() || !std::string_view("kvhtTopn%").contains(text[i])) {
      return base::fail_with(
          base::Code::kInvalid,
          fmt::format("'%{}' in a pattern means nothing", i < text.size() ? text.substr(i, 1) : ""),
          "use %k key, %v value, %h headers, %t time, %T milliseconds, %o offset, %p partition, "
          "%n topic, %%");
    }
  }
  format.kind_ = Kind::kPattern;
  format.pattern_ = text;
  return format;
}

std::string RecordFormat::print(const KafkaRecord& record) const {
  switch (kind_) {
    case Kind::kText: {
      std::string line = fmt::format("{}  {}:{}  {}  {}", time_text(record), record.partition,
                                     record.offset, shown(record.key), shown(record.value));
      if (!record.headers.empty()) line += fmt::format("  [{}]", headers_text(record));
      return line + "\n";
    }
    case Kind::kJson:
      return json_line(record);
    case Kind::kKeyValue:
      return fmt::format("{}\t{}\n", record.key.value_or(""), record.value.value_or(""));
    case Kind::kPattern:
      return print_pattern(record);
  }
  return {};
}

std::string RecordFormat::print_pattern(const KafkaRecord& record) const {
  std::string out;
  for (std::size_t i = 0; i < pattern_.size(); ++i) {
    const char next = i + 1 < pattern_.size() ? pattern_[i + 1] : '\0';
    if (pattern_[i] == '\\' && (next == 'n' || next == 't')) {
      out.push_back(next == 'n' ? '\n' : '\t');
      ++i;
      continue;
    }
    if (pattern_[i] != '%') {
      out.push_back(pattern_[i]);
      continue;
    }
    ++i;
    switch (next) {
      case 'k':
        out += record.key.value_or("");
        break;
      case 'v':
        out += record.value.value_or("");
        break;
      case 'h':
        out += headers_text(record);
        break;
      case 't':
        out += time_text(record);
        break;
      case 'T':
        out += std::to_string(record.timestamp_ms);
        break;
      case 'o':
        out += std::to_string(record.offset);
        break;
      case 'p':
        out += std::to_string(record.partition);
        break;
      case 'n':
        out += record.topic;
        break;
      default:
        out.push_back('%');
        break;
    }
  }
  if (!out.ends_with('\n')) out.push_back('\n');
  return out;
}

base::Result<InputFormat> parse_input_format(std::string_view text) {
  if (text == "text") return InputFormat::kText;
  if (text == "json") return InputFormat::kJson;
  if (text == "json-records") return InputFormat::kJsonRecords;
  return base::fail_with(base::Code::kInvalid, fmt::format("'{}' is no format of lines", text),
                         "use text, json or json-records");
}

base::Result<KafkaRecord> read_record(std::string_view line, InputFormat format,
                                      std::string_view key_separator) {
  if (format == InputFormat::kJsonRecords) return read_json_record(line);
  KafkaRecord record;
  if (!key_separator.empty()) {
    const std::size_t at = line.find(key_separator);
    if (at == std::string_view::npos) {
      return base::fail_with(base::Code::kInvalid,
                             fmt::format("the line has no key separator '{}'", key_separator),
                             "write KEY, the separator and VALUE on each line");
    }
    record.key = std::string(line.substr(0, at));
    line.remove_prefix(at + key_separator.size());
  }
  if (format == InputFormat::kJson && !json::accept(line))
    return base::fail_with(base::Code::kInvalid, "the value is no JSON",
                           "write one JSON value on each line, or use --format text");
  record.value = std::string(line);
  return record;
}

Header parse_header(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return {std::string(text), std::nullopt};
  return {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

}  // namespace cli
