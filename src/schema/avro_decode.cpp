// decode_avro().
#include <algorithm>

#include "schema/avro_value.h"
#include "schema/avro_wire.h"

namespace schema {
namespace {

using nlohmann::json;
using Value = base::Result<json>;

std::unexpected<base::Error> fails(std::string message) {
  return base::fail_with(base::Code::kInvalid, std::move(message), "");
}

std::string text_of_bytes(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte >= 0x80) text.push_back(static_cast<char>(0xC0 | (byte >> 6)));
    text.push_back(byte < 0x80 ? c : static_cast<char>(0x80 | (byte & 0x3F)));
  }
  return text;
}

std::unexpected<base::Error> over(std::string message) {
  return base::fail_with(base::Code::kLimit, std::move(message), "");
}

class Decoder {
 public:
  Decoder(std::string_view bytes, std::size_t& steps_left) : in_(bytes), steps_left_(steps_left) {}

  Value read(const AvroNode& writer, const AvroNode& reader, std::size_t depth) {
    if (depth > kAvroDepthMax) return over("the value is nested too deeply");
    if (steps_left_ == 0) return over("the value takes too long to be read");
    --steps_left_;
    if (writer.type == AvroType::kUnion) {
      const std::int64_t branch = in_.read_long();
      if (in_.bad || branch < 0 || branch >= static_cast<std::int64_t>(writer.branches.size()))
        return fails("a union's branch does not exist");
      return read(*writer.branches[static_cast<std::size_t>(branch)], reader, depth + 1);
    }
    if (reader.type == AvroType::kUnion) return read_into_union(writer, reader, depth);
    if (reader.type != writer.type) return read_promoted(writer, reader);
    Value value = read_same(writer, reader, depth);
    if (value && in_.bad) return fails("the bytes end within a value");
    return value;
  }

  bool at_end() const { return !in_.bad && in_.left() == 0; }

 private:
  static std::unexpected<base::Error> mismatch(const AvroNode& writer, const AvroNode& reader) {
    return fails(fmt::format("Found {}, expecting {}", writer.branch_name(), reader.branch_name()));
  }

  // The first branch of the same type and name, then the first that the value can be read into.
  Value read_into_union(const AvroNode& writer, const AvroNode& reader, std::size_t depth) {
    const AvroCursor before = in_;
    std::string last = fmt::format("Found {}, expecting {}", writer.branch_name(), "union");
    for (const bool same : {true, false}) {
      for (const AvroNode* branch : reader.branches) {
        const bool alike =
            branch->type == writer.type && (!branch->is_named() || branch->name == writer.name);
        if (alike != same) continue;
        in_ = before;
        auto value = read(writer, *branch, depth + 1);
        if (!value && value.error().code == base::Code::kLimit) return value;
        if (!value) {
          last = value.error().message;
          continue;
        }
        if (branch->type == AvroType::kNull) return value;
        return json{{branch->branch_name(), *std::move(value)}};
      }
    }
    return fails(last);
  }

  Value read_promoted(const AvroNode& writer, const AvroNode& reader) {
    using enum AvroType;
    const AvroType from = writer.type;
    const AvroType to = reader.type;
    const auto done = [this](json value) -> Value {
      if (in_.bad) return fails("the bytes end within a value");
      return value;
    };
    if (from == kInt && to == kLong) return done(in_.read_long());
    if ((from == kInt || from == kLong) && (to == kFloat || to == kDouble))
      return done(static_cast<double>(in_.read_long()));
    if (from == kFloat && to == kDouble) return done(static_cast<double>(in_.read_plain<float>()));
    if (from == kString && to == kBytes) return done(text_of_bytes(in_.read_text()));
    if (from == kBytes && to == kString) return done(std::string(in_.read_text()));
    return mismatch(writer, reader);
  }

  Value read_same(const AvroNode& writer, const AvroNode& reader, std::size_t depth) {
    switch (writer.type) {
      case AvroType::kNull:
        return json();
      case AvroType::kBoolean:
        return json(in_.read_boolean());
      case AvroType::kInt: {
        const std::int64_t number = in_.read_long();
        if (number < INT32_MIN || number > INT32_MAX) return fails("an int is out of range");
        return json(number);
      }
      case AvroType::kLong:
        return json(in_.read_long());
      case AvroType::kFloat:
        return json(in_.read_plain<float>());
      case AvroType::kDouble:
        return json(in_.read_plain<double>());
      case AvroType::kString:
        return json(std::string(in_.read_text()));
      case AvroType::kBytes:
        return json(text_of_bytes(in_.read_text()));
      case AvroType::kFixed:
        if (!avro_names_match(writer, reader) || writer.size != reader.size)
          return mismatch(writer, reader);
        return json(text_of_bytes(in_.read_bytes(static_cast<std::uint64_t>(writer.size))));
      case AvroType::kEnum:
        return read_symbol(writer, reader);
      case AvroType::kArray:
      case AvroType::kMap:
        return read_items(writer, reader, depth);
      case AvroType::kRecord:
        return read_record(writer, reader, depth);
      case AvroType::kUnion:
        break;
    }
    return mismatch(writer, reader);
  }

  Value read_symbol(const AvroNode& writer, const AvroNode& reader) {
    if (!avro_names_match(writer, reader)) return mismatch(writer, reader);
    const std::int64_t index = in_.read_long();
    if (in_.bad || index < 0 || index >= static_cast<std::int64_t>(writer.symbols.size()))
      return fails("an enum's symbol does not exist");
    const std::string& symbol = writer.symbols[static_cast<std::size_t>(index)];
    if (std::ranges::count(reader.symbols, symbol) > 0) return json(symbol);
    if (reader.symbol_default) return json(*reader.symbol_default);
    return fails(fmt::format("No match for symbol {} in enum {}", symbol, reader.name));
  }

  Value read_items(const AvroNode& writer, const AvroNode& reader, std::size_t depth) {
    const bool map = writer.type == AvroType::kMap;
    json out = map ? json::object() : json::array();
    for (;;) {
      std::int64_t count = in_.read_block();
      if (in_.bad) return fails("the bytes end within a value");
      if (count == 0) return out;
      for (; count > 0; --count) {
        if (++items_ > kAvroItemsMax) return over("the value has too many items");
        const std::string key(map ? in_.read_text() : std::string_view());
        auto item = TRY(read(*writer.items, *reader.items, depth + 1));
        if (in_.bad) return fails("the bytes end within a value");
        if (map) {
          out[key] = std::move(item);
        } else {
          out.push_back(std::move(item));
        }
      }
    }
  }

  Value read_record(const AvroNode& writer, const AvroNode& reader, std::size_t depth) {
    if (!avro_names_match(writer, reader)) return mismatch(writer, reader);
    json out = json::object();
    for (const AvroField& field : writer.fields) {
      const AvroCursor before = in_;
      bool wanted = false;
      for (const AvroField& target : reader.fields) {
        if (avro_writer_field(writer, target) != &field) continue;
        in_ = before;
        out[target.name] = TRY(read(*field.type, *target.type, depth + 1));
        wanted = true;
      }
      if (!wanted) TRY(read(*field.type, *field.type, depth + 1));
    }
    for (const AvroField& target : reader.fields) {
      if (out.contains(target.name)) continue;
      if (!target.default_value)
        return fails(fmt::format("{} is missing the required field {}", writer.name, target.name));
      const std::string bytes = TRY(avro_default(*target.type, *target.default_value));
      out[target.name] =
          TRY(Decoder(bytes, steps_left_).read(*target.type, *target.type, depth + 1));
    }
    return out;
  }

  AvroCursor in_;
  std::size_t items_ = 0;
  std::size_t& steps_left_;
};

}  // namespace

bool avro_names_match(const AvroNode& writer, const AvroNode& reader) {
  return writer.short_name() == reader.short_name() ||
         std::ranges::count(reader.aliases, writer.name) > 0;
}

const AvroField* avro_writer_field(const AvroNode& writer, const AvroField& reader) {
  const auto named = [&](const std::string& name) -> const AvroField* {
    for (const AvroField& field : writer.fields) {
      if (field.name == name) return &field;
    }
    return nullptr;
  };
  const AvroField* found = named(reader.name);
  for (std::size_t i = 0; found == nullptr && i < reader.aliases.size(); ++i)
    found = named(reader.aliases[i]);
  return found;
}

base::Result<json> decode_avro(std::string_view bytes, const AvroNode& writer,
                               const AvroNode& reader, std::size_t steps_max) {
  Decoder decoder(bytes, steps_max);
  auto value = TRY(decoder.read(writer, reader, 0));
  if (!decoder.at_end()) return fails("there are bytes behind the value");
  return value;
}

}  // namespace schema
