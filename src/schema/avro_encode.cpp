// encode_avro(), avro_default().
#include "schema/avro_value.h"
#include "schema/avro_wire.h"

namespace schema {
namespace {

using nlohmann::json;

// Defaults of records may hold defaults of records: without a bound, twice as many at each level.
constexpr std::size_t kDefaultValuesMax = 4096;

// Bytes stand in JSON as a text of the code points 0 to 255.
base::Result<std::string> bytes_of(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<std::uint8_t>(text[i]);
    if (c < 0x80) {
      bytes.push_back(text[i]);
    } else if ((c == 0xC2 || c == 0xC3) && i + 1 < text.size()) {
      bytes.push_back(static_cast<char>((c << 6) | (static_cast<std::uint8_t>(text[++i]) & 0x3F)));
    } else {
      return base::fail(base::Code::kInvalid, "bytes are code points up to 255");
    }
  }
  return bytes;
}

class Encoder {
 public:
  Encoder(bool defaults, std::size_t& steps) : defaults_(defaults), steps_(steps) {}

  base::Result<> write(const AvroNode& node, const json& value, std::size_t depth) {
    if (depth > kAvroDepthMax)
      return base::fail(base::Code::kLimit, "the value is nested deeper than {}", kAvroDepthMax);
    if (defaults_ && ++steps_ > kDefaultValuesMax)
      return base::fail(base::Code::kLimit, "the default has more than {} values",
                        kDefaultValuesMax);
    switch (node.type) {
      case AvroType::kNull:
        return value.is_null() ? base::Result<>{} : wrong(node, value);
      case AvroType::kBoolean:
        if (!value.is_boolean()) return wrong(node, value);
        out.push_back(value.get<bool>() ? 1 : 0);
        return {};
      case AvroType::kInt:
      case AvroType::kLong:
        return write_whole(node, value);
      case AvroType::kFloat:
        if (!value.is_number()) return wrong(node, value);
        append_avro_plain(value.get<float>(), out);
        return {};
      case AvroType::kDouble:
        if (!value.is_number()) return wrong(node, value);
        append_avro_plain(value.get<double>(), out);
        return {};
      case AvroType::kString:
      case AvroType::kBytes:
      case AvroType::kFixed:
        return write_text(node, value);
      case AvroType::kEnum:
        return write_symbol(node, value);
      case AvroType::kArray:
      case AvroType::kMap:
        return write_items(node, value, depth);
      case AvroType::kRecord:
        return write_record(node, value, depth);
      case AvroType::kUnion:
        return write_union(node, value, depth);
    }
    return {};
  }

  std::string out;

 private:
  static std::unexpected<base::Error> wrong(const AvroNode& node, const json& value) {
    std::string shown = value.dump(-1, ' ', false, json::error_handler_t::replace);
    if (shown.size() > 60) shown.resize(60);
    return base::fail(base::Code::kInvalid, "{} not a {}", shown, node.branch_name());
  }

  base::Result<> write_whole(const AvroNode& node, const json& value) {
    if (!value.is_number_integer()) return wrong(node, value);
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX)
      return wrong(node, value);
    const auto number = value.get<std::int64_t>();
    if (node.type == AvroType::kInt && (number < INT32_MIN || number > INT32_MAX))
      return wrong(node, value);
    append_avro_long(number, out);
    return {};
  }

  base::Result<> write_text(const AvroNode& node, const json& value) {
    if (!value.is_string()) return wrong(node, value);
    std::string text = value.get<std::string>();
    if (node.type != AvroType::kString) text = TRY(bytes_of(text));
    if (node.type != AvroType::kFixed) {
      append_avro_long(static_cast<std::int64_t>(text.size()), out);
    } else if (static_cast<std::int64_t>(text.size()) != node.size) {
      return wrong(node, value);
    }
    out += text;
    return {};
  }

  base::Result<> write_symbol(const AvroNode& node, const json& value) {
    for (std::size_t i = 0; value.is_string() && i < node.symbols.size(); ++i) {
      if (node.symbols[i] != value.get_ref<const std::string&>()) continue;
      append_avro_long(static_cast<std::int64_t>(i), out);
      return {};
    }
    return wrong(node, value);
  }

  base::Result<> write_items(const AvroNode& node, const json& value, std::size_t depth) {
    const bool map = node.type == AvroType::kMap;
    if (map ? !value.is_object() : !value.is_array()) return wrong(node, value);
    if (!value.empty()) append_avro_long(static_cast<std::int64_t>(value.size()), out);
    for (const auto& [key, item] : value.items()) {
      if (map) append_avro_long(static_cast<std::int64_t>(key.size()), out);
      if (map) out += key;
      TRY(write(*node.items, item, depth + 1));
    }
    out.push_back(0);
    return {};
  }

  base::Result<> write_record(const AvroNode& node, const json& value, std::size_t depth) {
    if (!value.is_object()) return wrong(node, value);
    for (const AvroField& field : node.fields) {
      const auto at = value.find(field.name);
      if (at != value.end()) {
        TRY(write(*field.type, *at, depth + 1));
      } else if (field.default_value) {
        Encoder other(true, steps_);
        TRY(other.write(*field.type, *field.default_value, depth + 1));
        out += other.out;
      } else {
        return base::fail(base::Code::kInvalid, "field {} of {} is missing", field.name, node.name);
      }
    }
    return {};
  }

  base::Result<> write_union(const AvroNode& node, const json& value, std::size_t depth) {
    for (std::size_t i = 0; i < node.branches.size(); ++i) {
      const AvroNode& branch = *node.branches[i];
      const std::size_t before = out.size();
      const json* inner = &value;
      if (!defaults_ && branch.type != AvroType::kNull) {
        if (!value.is_object() || value.size() != 1) continue;
        if (value.begin().key() != branch.branch_name()) continue;
        inner = &*value.begin();
      }
      append_avro_long(static_cast<std::int64_t>(i), out);
      auto written = write(branch, *inner, depth + 1);
      if (written) return {};
      if (!defaults_ && branch.type != AvroType::kNull) return written;
      out.resize(before);
    }
    return wrong(node, value);
  }

  bool defaults_;
  std::size_t& steps_;
};

}  // namespace

base::Result<std::string> encode_avro(const AvroNode& schema, const json& value) {
  std::size_t steps = 0;
  Encoder encoder(false, steps);
  TRY(encoder.write(schema, value, 0));
  return std::move(encoder.out);
}

base::Result<std::string> avro_default(const AvroNode& schema, const json& value) {
  std::size_t steps = 0;
  Encoder encoder(true, steps);
  TRY(encoder.write(schema, value, 0));
  return std::move(encoder.out);
}

}  // namespace schema
