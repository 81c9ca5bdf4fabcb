// JSON Schemas (drafts 4 to 2020-12), checked, with their references within reach.
//
// Threads: immutable once parsed, apart from compiled patterns that each user keeps for itself.
// Keywords that are not known are ignored, as the specification asks; `format` is not checked.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "schema/compatibility.h"
#include "schema/patterns.h"
#include "schema/schema_document.h"

namespace schema {

inline constexpr std::size_t kReferenceTextMax = 1000;  // bytes of a $ref

class JsonSchema {
 public:
  const nlohmann::json& root() const { return *documents_.at(""); }
  // What the schema stands for when it is a $ref; null when the reference leads nowhere or in a
  // circle.
  const nlohmann::json* resolve(const nlohmann::json& schema) const;

 private:
  friend base::Result<std::shared_ptr<const JsonSchema>> parse_json_schema(const ResolvedSchema&);
  const nlohmann::json* find(const std::string& reference) const;
  void index(nlohmann::json& schema, const std::string& document, std::size_t depth);

  std::map<std::string, std::unique_ptr<nlohmann::json>> documents_;  // by name; "" is the schema
  std::map<std::string, const nlohmann::json*> by_id_;                // $id, $anchor
  std::vector<const nlohmann::json*> holders_;                        // of a $ref
};

base::Result<std::shared_ptr<const JsonSchema>> parse_json_schema(const ResolvedSchema& schema);

// What a schema says under a keyword; null when nothing, or when it is no object.
const nlohmann::json* keyword(const nlohmann::json& schema, const char* name);
// The schemas of an array's first items (null, or an array) and of all others (null: anything).
struct JsonItems {
  const nlohmann::json* first = nullptr;
  const nlohmann::json* rest = nullptr;
};
JsonItems items_of(const nlohmann::json& schema);

// What may still be spent on looking at values, one step each; texts by the 64 bytes.
struct JsonSearch {
  std::size_t steps_left = 0;
  Patterns patterns = {};

  bool spend(std::size_t steps) {
    steps_left -= std::min(steps, steps_left);
    return steps_left > 0;
  }
};
// The steps of a value and of all that it holds.
std::size_t json_weight(const nlohmann::json& value);

// Why the value does not fit ("/id: a string expected"); kLimit when that cannot be found out.
base::Result<> validate_json(const JsonSchema& schema, const nlohmann::json& value);
base::Result<> validate_json(const JsonSchema& schema, const nlohmann::json& value,
                             JsonSearch& search);

// What the writer's schema allows and the reader's does not, in Confluent's words.
Verdict check_json(const JsonSchema& reader, const JsonSchema& writer);

// A value that the writer's schema may allow, by chance; it looks for what the reader's refuses.
// nullopt: it would be too large.
std::optional<nlohmann::json> json_example(const JsonSchema& reader, const JsonSchema& writer,
                                           std::uint64_t seed, JsonSearch& search);

}  // namespace schema
