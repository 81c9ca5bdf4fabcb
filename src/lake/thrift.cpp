#include "lake/thrift.h"

#include <algorithm>
#include <utility>

namespace lake::thrift {
namespace {

using base::Code;
using base::Result;

constexpr int kDepthMax = 32;
constexpr std::size_t kDoubleBytes = 8;
constexpr std::size_t kValuesMax = 2'000'000;  // of one tree: some 200 MB

std::unexpected<base::Error> broken() { return base::fail(Code::kCorrupt, "broken Thrift data"); }

class Reader {
 public:
  explicit Reader(std::string_view& in) : in_(in) {}

  Result<Value> structure(int depth) {
    if (depth > kDepthMax) return broken();
    Value value{.type = Type::kStruct};
    std::int16_t id = 0;
    while (true) {
      const std::uint8_t head = TRY(byte());
      if (head == 0) return value;
      TRY(count(1));
      const auto delta = static_cast<std::int16_t>(head >> 4);
      id = delta != 0 ? static_cast<std::int16_t>(id + delta)
                      : static_cast<std::int16_t>(TRY(zigzag()));
      const int type = head & 0x0F;
      Value field{.type = static_cast<Type>(type), .integer = type == 1 ? 1 : 0};
      if (type > 2) field = TRY(item(type, depth + 1));
      field.id = id;
      value.fields.push_back(std::move(field));
    }
  }

 private:
  Result<std::uint8_t> byte() {
    if (in_.empty()) return broken();
    const auto value = static_cast<std::uint8_t>(in_.front());
    in_.remove_prefix(1);
    return value;
  }

  Result<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t next = TRY(byte());
      value |= static_cast<std::uint64_t>(next & 0x7FU) << shift;
      if (next < 0x80) return value;
    }
    return broken();
  }

  Result<std::int64_t> zigzag() {
    const std::uint64_t value = TRY(varint());
    return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
  }

  Result<std::string> take(std::uint64_t size) {
    if (size > in_.size()) return broken();
    std::string bytes(in_.substr(0, size));
    in_.remove_prefix(size);
    return bytes;
  }

  // A value that does not stand in a field's head.
  Result<Value> item(int type, int depth) {
    if (depth > kDepthMax) return broken();
    Value value{.type = static_cast<Type>(type)};
    switch (value.type) {
      case Type::kTrue:
      case Type::kFalse:
      case Type::kByte:
        value.integer = static_cast<std::int8_t>(TRY(byte()));
        return value;
      case Type::kI16:
      case Type::kI32:
      case Type::kI64:
        value.integer = TRY(zigzag());
        return value;
      case Type::kDouble:
        value.bytes = TRY(take(kDoubleBytes));
        return value;
      case Type::kBinary:
        value.bytes = TRY(take(TRY(varint())));
        return value;
      case Type::kList:
      case Type::kSet:
        return list(std::move(value), depth);
      case Type::kMap:
        return map(std::move(value), depth);
      case Type::kStruct:
        return structure(depth);
    }
    return broken();
  }

  Result<Value> list(Value value, int depth) {
    const std::uint8_t head = TRY(byte());
    std::uint64_t size = head >> 4;
    if (size == 15) size = TRY(varint());
    if (size > in_.size()) return broken();  // an item has a byte at least
    TRY(count(size));
    value.item_types = head & 0x0F;
    value.items.reserve(size);
    for (std::uint64_t i = 0; i < size; ++i) {
      value.items.push_back(TRY(item(value.item_types, depth + 1)));
    }
    return value;
  }

  Result<Value> map(Value value, int depth) {
    const std::uint64_t size = TRY(varint());
    if (size == 0) return value;
    value.item_types = TRY(byte());
    if (size > in_.size()) return broken();
    TRY(count(2 * size));
    for (std::uint64_t i = 0; i < size; ++i) {
      value.items.push_back(TRY(item(value.item_types >> 4, depth + 1)));
      value.items.push_back(TRY(item(value.item_types & 0x0F, depth + 1)));
    }
    return value;
  }

  Result<> count(std::size_t values) {
    values_ += values;
    if (values_ <= kValuesMax) return {};
    return base::fail(Code::kLimit, "Thrift data has more than {} values", kValuesMax);
  }

  std::string_view& in_;
  std::size_t values_ = 0;
};

void print_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7FU) | 0x80U);
  out += static_cast<char>(value);
}

void print_zigzag(std::string& out, std::int64_t value) {
  print_varint(out,
               (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
}

void print_item(std::string& out, const Value& value) {
  switch (value.type) {
    case Type::kTrue:
    case Type::kFalse:
    case Type::kByte:
      out += static_cast<char>(value.integer);
      return;
    case Type::kI16:
    case Type::kI32:
    case Type::kI64:
      return print_zigzag(out, value.integer);
    case Type::kDouble:
      out += value.bytes;
      return;
    case Type::kBinary:
      print_varint(out, value.bytes.size());
      out += value.bytes;
      return;
    case Type::kList:
    case Type::kSet:
      out += static_cast<char>((std::min<std::size_t>(value.items.size(), 15) << 4) |
                               value.item_types);
      if (value.items.size() >= 15) print_varint(out, value.items.size());
      break;
    case Type::kMap:
      print_varint(out, value.items.size() / 2);
      if (!value.items.empty()) out += static_cast<char>(value.item_types);
      break;
    case Type::kStruct:
      return print_struct(out, value);
  }
  for (const Value& item : value.items) print_item(out, item);
}

}  // namespace

const Value* Value::find(std::int16_t field) const {
  const auto it = std::ranges::find(fields, field, &Value::id);
  return it == fields.end() ? nullptr : &*it;
}

Value* Value::find(std::int16_t field) {
  return const_cast<Value*>(std::as_const(*this).find(field));
}

std::int64_t Value::integer_or(std::int16_t field, std::int64_t otherwise) const {
  const Value* found = find(field);
  return found == nullptr ? otherwise : found->integer;
}

void Value::set(std::int16_t field, Value value) {
  value.id = field;
  const auto it = std::ranges::lower_bound(fields, field, {}, &Value::id);
  if (it != fields.end() && it->id == field) {
    *it = std::move(value);
  } else {
    fields.insert(it, std::move(value));
  }
}

void Value::set_i32(std::int16_t field, std::int64_t value) {
  set(field, Value{.type = Type::kI32, .integer = value});
}

void Value::set_i64(std::int16_t field, std::int64_t value) {
  set(field, Value{.type = Type::kI64, .integer = value});
}

void Value::erase(std::int16_t field) {
  std::erase_if(fields, [&](const Value& one) { return one.id == field; });
}

Result<Value> take_struct(std::string_view& in) { return Reader(in).structure(0); }

void print_struct(std::string& out, const Value& value) {
  std::int16_t last = 0;
  for (const Value& field : value.fields) {
    const auto type = static_cast<unsigned>(field.type);
    const int delta = field.id - last;
    if (delta > 0 && delta <= 15) {
      out += static_cast<char>((static_cast<unsigned>(delta) << 4) | type);
    } else {
      out += static_cast<char>(type);
      print_zigzag(out, field.id);
    }
    last = field.id;
    if (type > 2) print_item(out, field);
  }
  out += '\0';
}

}  // namespace lake::thrift
