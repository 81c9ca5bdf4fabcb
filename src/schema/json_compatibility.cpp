// check_json(): the reader's schema against each alternative that the writer's allows.
#include <algorithm>
#include <cmath>
#include <set>

#include "schema/json_schema.h"

namespace schema {
namespace {

using nlohmann::json;

constexpr std::size_t kAlternativesMax = 64;
constexpr std::size_t kStepsMax = 20'000;
constexpr std::size_t kDepthMax = 100;
constexpr std::uint64_t kExamplesTried = 400;
constexpr std::size_t kSearchStepsMax = 500'000;
constexpr std::size_t kCopiedPerStep = 64;  // parts of a schema

const json kAnything = true;
const json kNothing = false;

bool is_anything(const json& s) { return s == true || (s.is_object() && s.empty()); }

std::set<std::string> types_of(const json& s) {
  const json* type = keyword(s, "type");
  if (type == nullptr) return {"null", "boolean", "object", "array", "number", "string"};
  if (type->is_string()) return {type->get<std::string>()};
  return type->get<std::set<std::string>>();
}

class Diff {
 public:
  Diff(const JsonSchema& reader, const JsonSchema& writer, Patterns& patterns)
      : reader_(reader), writer_(writer), patterns_(patterns) {}

  void compare(const json& writer, const json& reader, const std::string& path, std::size_t depth) {
    const json* w = writer_.resolve(writer);
    const json* r = reader_.resolve(reader);
    if (w == nullptr || r == nullptr || is_anything(*r) || *w == false) return;
    if (++steps_ > kStepsMax || depth > kDepthMax)
      return add("SCHEMA_TOO_LARGE", path, "the schemas are too large to be compared", "");
    if (!seen_.emplace(w, r).second) return;
    if (*r == false) return add("TYPE_NARROWED", path, "nothing is allowed here any more", "");
    for (const json& alternative : alternatives(*w, 0)) compare_flat(alternative, *r, path, depth);
    seen_.erase({w, r});
  }

  // What stayed unlooked at counts as broken.
  void finish() {
    if (steps_ <= kStepsMax && !patterns_.exhausted()) return;
    add("SCHEMA_TOO_LARGE", "#", "the schemas are too large to be compared", "split them");
  }

  std::vector<Incompatibility> found;

 private:
  void add(std::string_view type, const std::string& path, std::string what, std::string mend) {
    if (found.size() >= kIncompatibilitiesMax) return;
    for (const Incompatibility& known : found) {
      if (known.type == type && known.path == path) return;
    }
    found.push_back({std::string(type), path, fmt::format("{} (at '{}')", std::move(what), path),
                     "", std::move(mend)});
  }

  bool fits(const json& writer, const json& reader, std::size_t depth) {
    Diff inner(reader_, writer_, patterns_);
    inner.seen_ = seen_;
    inner.steps_ = steps_;
    inner.compare(writer, reader, "", depth + 1);
    steps_ = inner.steps_;
    return inner.found.empty();
  }

  // What the writer's schema allows, as schemas without allOf, anyOf, oneOf and $ref.
  std::vector<json> alternatives(const json& schema, std::size_t depth) {
    const json* given = writer_.resolve(schema);
    if (given == nullptr || depth > 8 || steps_ > kStepsMax) return {kAnything};
    steps_ += 1 + json_weight(*given) / kCopiedPerStep;
    if (!given->is_object()) return {*given};
    json flat = *given;
    for (const char* key : {"allOf", "anyOf", "oneOf"}) flat.erase(key);
    std::vector<json> all{std::move(flat)};
    if (const json* parts = keyword(*given, "allOf")) {
      for (const json& part : *parts) all = products(all, alternatives(part, depth + 1));
    }
    for (const char* key : {"anyOf", "oneOf"}) {
      const json* branches = keyword(*given, key);
      if (branches == nullptr) continue;
      std::vector<json> sum;
      for (const json& branch : *branches) {
        if (sum.size() >= kAlternativesMax) break;
        for (json& one : alternatives(branch, depth + 1)) sum.push_back(std::move(one));
      }
      all = products(all, sum);
    }
    return all;
  }

  static std::vector<json> products(const std::vector<json>& a, const std::vector<json>& b) {
    std::vector<json> out;
    for (const json& x : a) {
      for (const json& y : b) {
        if (out.size() < kAlternativesMax) out.push_back(both(x, y));
      }
    }
    return out;
  }

  static json both(const json& a, const json& b) {
    if (!a.is_object()) return a == false ? a : b;
    if (!b.is_object()) return b == false ? b : a;
    json out = a;
    for (const auto& [key, value] : b.items()) {
      if (!out.contains(key)) {
        out[key] = value;
      } else if (key == "properties" || key == "patternProperties") {
        for (const auto& [name, inner] : value.items()) {
          if (!out[key].contains(name)) out[key][name] = inner;
        }
      } else if (key == "required" && value.is_array() && out[key].is_array()) {
        for (const json& name : value) out[key].push_back(name);
      }
    }
    return out;
  }

  void compare_flat(const json& w, const json& r, const std::string& path, std::size_t depth) {
    if (w == false) return;
    const json& writer = w.is_object() ? w : empty_;
    compare_types(writer, r, path);
    compare_values(writer, r, path);
    const auto types = types_of(writer);
    if (types.contains("string")) compare_text(writer, r, path);
    if (types.contains("number") || types.contains("integer")) compare_number(writer, r, path);
    if (types.contains("object")) compare_object(writer, r, path, depth);
    if (types.contains("array")) compare_array(writer, r, path, depth);
    compare_combined(writer, r, path, depth);
    for (const char* key : {"if", "contains", "propertyNames", "dependentSchemas",
                            "unevaluatedProperties", "unevaluatedItems"}) {
      const json* asked = keyword(r, key);
      const json* had = keyword(writer, key);
      if (asked != nullptr && (had == nullptr || *had != *asked))
        add("KEYWORD_CHANGED", path, fmt::format("the keyword '{}' was added or changed", key),
            "keep the keyword as it was");
    }
  }

  void compare_types(const json& w, const json& r, const std::string& path) {
    if (keyword(r, "type") == nullptr) return;
    const auto from = types_of(w);
    const auto to = types_of(r);
    for (const std::string& type : from) {
      if (to.contains(type) || (type == "integer" && to.contains("number"))) continue;
      if (keyword(w, "enum") != nullptr || keyword(w, "const") != nullptr) continue;
      const bool narrowed = type == "number" && to.contains("integer");
      add(narrowed || to.size() < from.size() ? "TYPE_NARROWED" : "TYPE_CHANGED", path,
          fmt::format("the type {} is not allowed any more", type),
          fmt::format("keep '{}' among the types", type));
    }
  }

  void compare_values(const json& w, const json& r, const std::string& path) {
    const auto values = [](const json& s) -> std::optional<json> {
      if (const json* only = keyword(s, "const")) return json::array({*only});
      if (const json* list = keyword(s, "enum")) return *list;
      return std::nullopt;
    };
    const auto to = values(r);
    if (!to) {
      // A list of values against a type: each must be of it.
      const auto from = values(w);
      if (!from || keyword(r, "type") == nullptr) return;
      const json only = {{"type", *keyword(r, "type")}};
      const auto schema = parse_json_schema({SchemaType::kJson, only.dump(), {}});
      for (const json& value : *from) {
        if (schema && !validate_json(**schema, value))
          return add("TYPE_CHANGED", path, fmt::format("{} is not of the type", value.dump()),
                     "keep the type");
      }
      return;
    }
    const auto from = values(w);
    if (!from)
      return add("ENUM_ARRAY_ADDED", path, "only some values are allowed now", "remove the enum");
    for (const json& value : *from) {
      if (std::ranges::count(*to, value) == 0)
        return add("ENUM_ARRAY_NARROWED", path,
                   fmt::format("the value {} is not allowed any more", value.dump()),
                   fmt::format("keep {} in the enum", value.dump()));
    }
  }

  // `upper`: a larger bound allows more.
  void compare_bound(const json& w, const json& r, const char* key, std::string_view word,
                     bool upper, const std::string& path) {
    const json* to = keyword(r, key);
    if (to == nullptr || !to->is_number()) return;
    const json* from = keyword(w, key);
    if (from == nullptr || !from->is_number())
      return add(fmt::format("{}_ADDED", word), path, fmt::format("'{}' was added", key),
                 fmt::format("remove '{}'", key));
    const double was = from->get<double>();
    const double is = to->get<double>();
    if (upper ? is < was : is > was)
      add(fmt::format("{}_{}", word, upper ? "DECREASED" : "INCREASED"), path,
          fmt::format("'{}' went from {} to {}", key, from->dump(), to->dump()),
          fmt::format("keep '{}' at {}", key, from->dump()));
  }

  void compare_text(const json& w, const json& r, const std::string& path) {
    compare_bound(w, r, "maxLength", "MAX_LENGTH", true, path);
    compare_bound(w, r, "minLength", "MIN_LENGTH", false, path);
    const json* to = keyword(r, "pattern");
    if (to == nullptr) return;
    const json* from = keyword(w, "pattern");
    if (from == nullptr) return add("PATTERN_ADDED", path, "a pattern was added", "remove it");
    if (*from != *to) add("PATTERN_CHANGED", path, "the pattern was changed", "keep it");
  }

  void compare_number(const json& w, const json& r, const std::string& path) {
    compare_bound(w, r, "maximum", "MAXIMUM", true, path);
    compare_bound(w, r, "minimum", "MINIMUM", false, path);
    compare_bound(w, r, "exclusiveMaximum", "EXCLUSIVE_MAXIMUM", true, path);
    compare_bound(w, r, "exclusiveMinimum", "EXCLUSIVE_MINIMUM", false, path);
    const json* to = keyword(r, "multipleOf");
    if (to == nullptr || !to->is_number()) return;
    const json* from = keyword(w, "multipleOf");
    if (from == nullptr || !from->is_number())
      return add("MULTIPLE_OF_ADDED", path, "'multipleOf' was added", "remove it");
    const double times = from->get<double>() / to->get<double>();
    if (std::abs(times - std::round(times)) > 1e-9)
      add("MULTIPLE_OF_CHANGED", path, "'multipleOf' was changed", "keep it");
  }

  // The schema that a property of this name has, if the object's schema says anything of it.
  const json* rule_for(const json& s, const std::string& name) {
    if (const json* properties = keyword(s, "properties");
        properties != nullptr && properties->contains(name))
      return &(*properties)[name];
    if (const json* patterns = keyword(s, "patternProperties")) {
      for (const auto& [pattern, schema] : patterns->items()) {
        if (patterns_.matches(pattern, name).value_or(false)) return &schema;
      }
    }
    return keyword(s, "additionalProperties");
  }

  static std::set<std::string> required(const json& s) {
    std::set<std::string> names;
    const json* list = keyword(s, "required");
    for (const json& name : list != nullptr && list->is_array() ? *list : json::array()) {
      if (name.is_string()) names.insert(name.get<std::string>());
    }
    return names;
  }

  bool has_default(const json& s, const std::string& name) const {
    const json* properties = keyword(s, "properties");
    if (properties == nullptr || !properties->contains(name)) return false;
    if (keyword((*properties)[name], "default") != nullptr) return true;
    const json* resolved = reader_.resolve((*properties)[name]);
    return resolved != nullptr && keyword(*resolved, "default") != nullptr;
  }

  void compare_object(const json& w, const json& r, const std::string& path, std::size_t depth) {
    const auto needed = required(r);
    const auto given = required(w);
    const json* own = keyword(w, "properties");
    for (const std::string& name : needed) {
      if (given.contains(name) || has_default(r, name)) continue;
      const bool known = own != nullptr && own->contains(name);
      add(known ? "REQUIRED_ATTRIBUTE_ADDED" : "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL",
          fmt::format("{}/properties/{}", path, name), fmt::format("'{}' is required now", name),
          fmt::format("give '{}' a default, or leave it optional", name));
    }
    std::set<std::string> names;
    for (const json* s : {&w, &r}) {
      const json* properties = keyword(*s, "properties");
      if (properties == nullptr) continue;
      for (const auto& [name, inner] : properties->items()) names.insert(name);
    }
    for (const std::string& name : names) compare_property(w, r, name, path, depth);
    compare_rest(w, r, path, depth);
    compare_bound(w, r, "maxProperties", "MAX_PROPERTIES", true, path);
    compare_bound(w, r, "minProperties", "MIN_PROPERTIES", false, path);
    for (const char* key : {"dependencies", "dependentRequired"}) {
      const json* to = keyword(r, key);
      const json* from = keyword(w, key);
      if (to == nullptr) continue;
      for (const auto& [name, need] : to->items()) {
        if (from == nullptr || !from->contains(name) || (*from)[name] != need)
          add("DEPENDENCY_ADDED", path, fmt::format("'{}' needs more than before", name),
              "keep the dependencies");
      }
    }
  }

  void compare_property(const json& w, const json& r, const std::string& name,
                        const std::string& path, std::size_t depth) {
    const json* from = rule_for(w, name);
    const json* to = rule_for(r, name);
    if (to == nullptr) return;
    const std::string at = fmt::format("{}/properties/{}", path, name);
    const json* own = keyword(w, "properties");
    const bool was_there = own != nullptr && own->contains(name);
    const json* theirs = keyword(r, "properties");
    const bool is_there = theirs != nullptr && theirs->contains(name);
    if (was_there && is_there) return compare(*from, *to, at, depth + 1);
    if (fits(from == nullptr ? kAnything : *from, *to, depth)) return;
    if (!was_there && from == nullptr) {
      add("PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", at,
          fmt::format("'{}' was added to objects that could already have it with any value", name),
          "close the older schema with additionalProperties: false, or allow any value");
    } else if (!was_there) {
      add("PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", at,
          fmt::format("'{}' was added with less than the object's other properties may hold", name),
          "allow what additionalProperties or patternProperties allowed");
    } else if (*to == false) {
      add("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", at,
          fmt::format("'{}' was removed and no other properties are allowed", name),
          fmt::format("keep '{}', or open the schema", name));
    } else {
      add("PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", at,
          fmt::format("'{}' was removed and other properties may hold less", name),
          fmt::format("keep '{}'", name));
    }
  }

  void compare_rest(const json& w, const json& r, const std::string& path, std::size_t depth) {
    const json* to = keyword(r, "additionalProperties");
    if (to == nullptr || is_anything(*to)) return;
    const json* from = keyword(w, "additionalProperties");
    const json& was = from == nullptr ? kAnything : *from;
    if (fits(was, *to, depth)) return;
    const std::string at = path + "/additionalProperties";
    if (*to == false || from == nullptr || is_anything(was))
      return add(*to == false ? "ADDITIONAL_PROPERTIES_REMOVED" : "ADDITIONAL_PROPERTIES_NARROWED",
                 at, "properties that are not named were allowed", "leave the schema open");
    compare(was, *to, at, depth + 1);
  }

  void compare_array(const json& w, const json& r, const std::string& path, std::size_t depth) {
    compare_bound(w, r, "maxItems", "MAX_ITEMS", true, path);
    compare_bound(w, r, "minItems", "MIN_ITEMS", false, path);
    const json* unique = keyword(r, "uniqueItems");
    const json* was_unique = keyword(w, "uniqueItems");
    if (unique != nullptr && *unique == true && (was_unique == nullptr || *was_unique != true))
      add("UNIQUE_ITEMS_ADDED", path, "items must be different now", "remove 'uniqueItems'");
    const auto [from_front, from_rest] = split_items(w);
    const auto [to_front, to_rest] = split_items(r);
    const std::size_t front = std::max(from_front.size(), to_front.size());
    for (std::size_t i = 0; i < front; ++i) {
      const json& from = i < from_front.size() ? *from_front[i] : *from_rest;
      const json& to = i < to_front.size() ? *to_front[i] : *to_rest;
      const std::string at = fmt::format("{}/items/{}", path, i);
      if (i < from_front.size() && i < to_front.size()) {
        compare(from, to, at, depth + 1);
      } else if (!fits(from, to, depth)) {
        const bool added = i >= from_front.size();
        add(added ? "ITEM_ADDED_TO_OPEN_CONTENT_MODEL" : "ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL",
            at, added ? "an item was added where any was allowed" : "an item was removed",
            "keep the items as they were");
      }
    }
    if (is_anything(*to_rest)) return;
    if (is_anything(*from_rest))
      return add("ADDITIONAL_ITEMS_NARROWED", path + "/items", "items could be anything",
                 "allow any item");
    compare(*from_rest, *to_rest, path + "/items", depth + 1);
  }

  static std::pair<std::vector<const json*>, const json*> split_items(const json& s) {
    const auto [first, rest] = items_of(s);
    std::vector<const json*> front;
    if (first != nullptr) {
      for (const json& item : *first) front.push_back(&item);
    }
    return {front, rest == nullptr ? &kAnything : rest};
  }

  void compare_combined(const json& w, const json& r, const std::string& path, std::size_t depth) {
    if (const json* all = keyword(r, "allOf")) {
      for (std::size_t i = 0; i < all->size(); ++i)
        compare(w, (*all)[i], fmt::format("{}/allOf/{}", path, i), depth + 1);
    }
    for (const char* key : {"anyOf", "oneOf"}) {
      const json* branches = keyword(r, key);
      if (branches == nullptr) continue;
      const bool any = std::ranges::any_of(
          *branches, [&](const json& branch) { return fits(w, branch, depth); });
      if (!any)
        add("SUM_TYPE_NARROWED", fmt::format("{}/{}", path, key),
            "what was allowed fits none of the alternatives",
            "keep an alternative for it, or add one");
    }
    const json* no = keyword(r, "not");
    const json* had = keyword(w, "not");
    if (no != nullptr && (had == nullptr || *had != *no))
      add("NOT_TYPE_EXTENDED", path + "/not", "more is forbidden than before", "keep 'not'");
  }

  const JsonSchema& reader_;
  const JsonSchema& writer_;
  const json empty_ = json::object();
  std::set<std::pair<const json*, const json*>> seen_;
  std::size_t steps_ = 0;
  Patterns& patterns_;
};

}  // namespace

Verdict check_json(const JsonSchema& reader, const JsonSchema& writer) {
  Patterns patterns;
  Diff diff(reader, writer, patterns);
  diff.compare(writer.root(), reader.root(), "#", 0);
  diff.finish();
  Verdict verdict{.reasons = std::move(diff.found), .example = std::nullopt};
  if (verdict.compatible()) return verdict;
  JsonSearch search{.steps_left = kSearchStepsMax};
  for (std::uint64_t seed = 0; seed < kExamplesTried && search.steps_left > 0; ++seed) {
    auto value = json_example(reader, writer, seed, search);
    if (!value || !validate_json(writer, *value, search)) continue;
    auto read = validate_json(reader, *value, search);
    if (read || read.error().code != base::Code::kInvalid) continue;
    verdict.example = CounterExample{*std::move(value), std::move(read).error().message};
    break;
  }
  return verdict;
}

}  // namespace schema
