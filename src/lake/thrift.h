// Thrift's compact protocol as a tree of values: what Parquet's footers and page headers are made
// of. Fields that nobody here knows are kept. Source: apache/thrift
// doc/specs/thrift-compact-protocol.md.
//
// Threads: values. Invariant: what comes from outside is bounded by the bytes that it came in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lake::thrift {

enum class Type : std::uint8_t {
  kTrue = 1,
  kFalse = 2,
  kByte = 3,
  kI16 = 4,
  kI32 = 5,
  kI64 = 6,
  kDouble = 7,
  kBinary = 8,
  kList = 9,
  kSet = 10,
  kMap = 11,
  kStruct = 12,
};

struct Value {
  Type type = Type::kStruct;
  std::int16_t id = 0;          // of a field of a struct
  std::uint8_t item_types = 0;  // of a list or set; of a map both
  std::int64_t integer = 0;
  std::string bytes = {};          // also a double's eight
  std::vector<Value> items = {};   // of a list; of a map keys and values in turn
  std::vector<Value> fields = {};  // of a struct

  // Of a struct; null when it is absent.
  const Value* find(std::int16_t field) const;
  Value* find(std::int16_t field);
  // The field as a number; `otherwise` when it is absent.
  std::int64_t integer_or(std::int16_t field, std::int64_t otherwise) const;
  bool has(std::int16_t field) const { return find(field) != nullptr; }
  void set(std::int16_t field, Value value);  // in the order of ids
  void set_i32(std::int16_t field, std::int64_t value);
  void set_i64(std::int16_t field, std::int64_t value);
  void erase(std::int16_t field);
};

// The struct at the front of `in`, which then starts behind it. kCorrupt.
base::Result<Value> take_struct(std::string_view& in);
void print_struct(std::string& out, const Value& value);

}  // namespace lake::thrift
