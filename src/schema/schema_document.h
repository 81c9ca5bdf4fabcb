// A schema as a producer registers it, and who knows schemas by the id that records carry.
//
// Threads: values; a SchemaLookup may be asked from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace schema {

inline constexpr std::size_t kSchemaTextMax = 1UL << 20;  // bytes of one schema
inline constexpr std::size_t kSchemaNestingMax = 64;      // types within types
inline constexpr std::size_t kSchemaNodesMax = 20'000;  // types of one schema, with its references
inline constexpr std::size_t kReferencesMax = 256;      // of one schema, those of references too

enum class SchemaType : std::uint8_t { kAvro, kJson, kProtobuf };

// "AVRO", "JSON", "PROTOBUF".
std::string_view schema_type_name(SchemaType type);
base::Result<SchemaType> parse_schema_type(std::string_view name);

struct SchemaReference {
  std::string name;  // by which the schema speaks of it: a full name, a $ref, an import
  std::string subject;
  int version = 0;
  bool operator==(const SchemaReference&) const = default;
};

struct SchemaDocument {
  SchemaType type = SchemaType::kAvro;
  std::string text;
  std::vector<SchemaReference> references;
  bool operator==(const SchemaDocument&) const = default;
};

// A schema with the texts of all that it refers to, each after those that it needs itself.
struct ResolvedSchema {
  SchemaType type = SchemaType::kAvro;
  std::string text;
  std::vector<std::pair<std::string, std::string>> references;  // name, text
};

class SchemaLookup {
 public:
  virtual ~SchemaLookup() = default;
  // kNotFound for an id that nobody gave out; kUnavailable when the registry cannot be asked.
  virtual base::Result<ResolvedSchema> by_id(std::int32_t id) const = 0;
  // All versions of a subject that are not deleted, oldest first; empty when there is none.
  virtual base::Result<std::vector<ResolvedSchema>> versions(const std::string& subject) const = 0;
};

// kLimit when brackets outside of strings are nested deeper than `depth_max`, so that no parser
// meets them.
base::Result<> check_nesting(std::string_view text, std::size_t depth_max);

}  // namespace schema
