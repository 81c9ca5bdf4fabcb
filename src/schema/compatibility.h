// Whether data of one schema can be read by another, and if not, why and by what example.
//
// Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "schema/schema_document.h"

namespace schema {

struct Incompatibility {
  std::string type;         // "TYPE_MISMATCH", "FIELD_SCALAR_KIND_CHANGED": the field's words
  std::string path;         // into the reader's schema: "/fields/1/type", "#/properties/id"
  std::string description;  // one sentence
  std::string detail;       // what is named: a field, a type
  std::string mend;
};

// A value that the writer's schema allows and the reader's cannot read, tried out.
struct CounterExample {
  nlohmann::json value;
  std::string reason;  // what reading it said
};

struct Verdict {
  std::vector<Incompatibility> reasons;  // empty: everything can be read
  std::optional<CounterExample> example;
  bool compatible() const { return reasons.empty(); }
};

inline constexpr std::size_t kIncompatibilitiesMax = 50;  // named of one pair

// kInvalid when one of the two cannot be parsed.
base::Result<Verdict> can_read(const ResolvedSchema& reader, const ResolvedSchema& writer);

}  // namespace schema
