// Avro schemas, parsed and checked: the tree that compatibility, values and decoders walk.
// Source: Apache Avro 1.12 specification, "Schema Declaration", "Names", "Aliases", "Logical
// Types".
//
// Threads: immutable once parsed. A named type is one node, wherever it is referred to, so that the
// tree has cycles exactly where the schema is recursive.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "schema/schema_document.h"

namespace schema {

enum class AvroType : std::uint8_t {
  kNull,
  kBoolean,
  kInt,
  kLong,
  kFloat,
  kDouble,
  kBytes,
  kString,
  kRecord,
  kEnum,
  kArray,
  kMap,
  kUnion,
  kFixed,
};

inline constexpr std::int64_t kAvroFixedMax = 1 << 20;  // bytes of a `fixed`

// "int", "record": the word of the specification.
std::string_view avro_type_name(AvroType type);

struct AvroNode;

struct AvroField {
  std::string name;
  std::vector<std::string> aliases;
  const AvroNode* type = nullptr;
  std::optional<nlohmann::json> default_value;
  std::string doc;
};

struct AvroNode {
  AvroType type = AvroType::kNull;
  std::string name;                  // full, of record, enum and fixed
  std::vector<std::string> aliases;  // full
  std::string doc;
  std::string logical;  // logicalType, when it is one that this type may have
  int precision = 0;    // of decimal
  int scale = 0;
  std::vector<AvroField> fields;              // record
  std::vector<std::string> symbols;           // enum
  std::optional<std::string> symbol_default;  // enum
  std::int64_t size = 0;                      // fixed
  const AvroNode* items = nullptr;            // array, map
  std::vector<const AvroNode*> branches;      // union

  bool is_named() const {
    return type == AvroType::kRecord || type == AvroType::kEnum || type == AvroType::kFixed;
  }
  // Behind the last dot.
  std::string_view short_name() const;
  // What stands for it in a union: its full name, or its type.
  std::string_view branch_name() const;
};

class AvroSchema {
 public:
  const AvroNode& root() const { return *root_; }
  // One text for all spellings of the same schema: full names, attributes in one order, no spaces.
  std::string normalised() const;

 private:
  friend class AvroParser;
  std::deque<AvroNode> nodes_;
  const AvroNode* root_ = nullptr;
};

// kInvalid for what is no Avro schema, with the place as a JSON pointer; kLimit beyond the limits
// of schema_document.h.
base::Result<std::shared_ptr<const AvroSchema>> parse_avro(const ResolvedSchema& schema);
base::Result<std::shared_ptr<const AvroSchema>> parse_avro(const std::string& text);

}  // namespace schema
