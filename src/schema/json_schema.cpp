#include "schema/json_schema.h"

#include <set>

namespace schema {

using nlohmann::json;

namespace {

constexpr int kReferenceHopsMax = 32;
constexpr std::string_view kTypes[] = {"null",   "boolean", "object", "array",
                                       "number", "string",  "integer"};

std::unexpected<base::Error> wrong(const std::string& path, std::string_view message,
                                   std::string mend) {
  return base::fail_with(base::Code::kInvalid, fmt::format("{}: {}", path, message),
                         std::move(mend));
}

// A keyword's own form: what Draft's meta schema asks of those that are used here.
class Checker {
 public:
  base::Result<> check(const json& schema, const std::string& path, std::size_t depth) {
    if (++nodes_ > kSchemaNodesMax)
      return base::fail_with(base::Code::kLimit,
                             fmt::format("the schema has more than {} parts", kSchemaNodesMax),
                             "split it by references");
    if (depth > kSchemaNestingMax)
      return base::fail_with(base::Code::kLimit, "the schema is nested too deeply",
                             "give inner types names under $defs and refer to them");
    if (schema.is_boolean()) return {};
    if (!schema.is_object())
      return wrong(path, "a schema is an object, true or false", "write {\"type\": …}");
    TRY(check_plain(schema, path));
    for (const auto& [key, value] : schema.items()) {
      const std::string at = fmt::format("{}/{}", path, key);
      if (kMaps.contains(key)) {
        if (!value.is_object()) return wrong(at, "an object of schemas is expected", "write {…}");
        for (const auto& [name, inner] : value.items()) {
          if (key == "dependencies" && inner.is_array()) continue;
          TRY(check(inner, fmt::format("{}/{}", at, name), depth + 1));
        }
      } else if (kLists.contains(key) || (key == "items" && value.is_array())) {
        if (!value.is_array() || (value.empty() && key != "items"))
          return wrong(at, "a list of schemas is expected", "write […]");
        for (std::size_t i = 0; i < value.size(); ++i)
          TRY(check(value[i], fmt::format("{}/{}", at, i), depth + 1));
      } else if (kSingles.contains(key)) {
        TRY(check(value, at, depth + 1));
      }
    }
    return {};
  }

  static const std::set<std::string> kMaps, kLists, kSingles;

 private:
  static base::Result<> check_type(const json& type, const std::string& path) {
    const auto known = [](const json& name) {
      return name.is_string() && std::ranges::count(kTypes, name.get<std::string>()) == 1;
    };
    const bool good =
        type.is_array() ? !type.empty() && std::ranges::all_of(type, known) : known(type);
    if (good) return {};
    return wrong(path + "/type", fmt::format("unknown type {}", type.dump()),
                 fmt::format("use one of {}", fmt::join(kTypes, ", ")));
  }

  static base::Result<> check_plain(const json& schema, const std::string& path) {
    if (const auto type = schema.find("type"); type != schema.end()) TRY(check_type(*type, path));
    for (const char* key :
         {"maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties"}) {
      const auto at = schema.find(key);
      if (at != schema.end() && (!at->is_number() || at->get<double>() < 0))
        return wrong(path, fmt::format("{} is no count", key), "give a whole number from 0 on");
    }
    for (const char* key : {"maximum", "minimum", "multipleOf"}) {
      const auto at = schema.find(key);
      if (at != schema.end() && !at->is_number())
        return wrong(path, fmt::format("{} is no number", key), "give a number");
    }
    for (const char* key : {"required", "enum"}) {
      const auto at = schema.find(key);
      const bool draft3 = at != schema.end() && at->is_boolean() && key[0] == 'r';
      if (at != schema.end() && !at->is_array() && !draft3)
        return wrong(path, fmt::format("{} is no list", key), "write […]");
    }
    if (const auto at = schema.find("pattern"); at != schema.end()) {
      if (!at->is_string() || at->get_ref<const std::string&>().size() > kPatternMax)
        return wrong(path, "the pattern is no text or too long",
                     fmt::format("use at most {} characters", kPatternMax));
    }
    if (const auto at = schema.find("$ref");
        at != schema.end() &&
        (!at->is_string() || at->get_ref<const std::string&>().size() > kReferenceTextMax))
      return wrong(path, "$ref is no text or too long", "write \"#/$defs/name\"");
    return {};
  }

  std::size_t nodes_ = 0;
};

const std::set<std::string> Checker::kMaps = {
    "properties", "patternProperties", "definitions", "$defs", "dependencies", "dependentSchemas"};
const std::set<std::string> Checker::kLists = {"allOf", "anyOf", "oneOf", "prefixItems"};
const std::set<std::string> Checker::kSingles = {
    "items", "additionalItems", "additionalProperties", "not", "if", "then",
    "else",  "contains",        "propertyNames"};

const json* follow(const json& document, const std::string& pointer) {
  try {
    const json::json_pointer at(pointer);
    return document.contains(at) ? &document.at(at) : nullptr;
  } catch (const json::exception&) {
    return nullptr;
  }
}

}  // namespace

// References within a document get its name in front, so that they hold wherever they are copied
// to.
void JsonSchema::index(json& schema, const std::string& document, std::size_t depth) {
  if (depth > 4 * kSchemaNestingMax) return;
  if (schema.is_object()) {
    for (const char* key : {"$id", "id"}) {
      const auto id = schema.find(key);
      if (id != schema.end() && id->is_string()) by_id_.emplace(id->get<std::string>(), &schema);
    }
    const auto anchor = schema.find("$anchor");
    if (anchor != schema.end() && anchor->is_string())
      by_id_.emplace(document + "#" + anchor->get<std::string>(), &schema);
    const auto reference = schema.find("$ref");
    if (reference != schema.end() && reference->is_string()) {
      if (reference->get_ref<const std::string&>().starts_with('#'))
        *reference = document + reference->get<std::string>();
      holders_.push_back(&schema);
    }
  }
  for (json& inner : schema) {
    if (inner.is_structured()) index(inner, document, depth + 1);
  }
}

const json* JsonSchema::find(const std::string& reference) const {
  const std::size_t hash = reference.find('#');
  const std::string name = reference.substr(0, hash);
  const std::string pointer = hash == std::string::npos ? "" : reference.substr(hash + 1);
  const json* document = nullptr;
  if (const auto at = documents_.find(name); at != documents_.end()) {
    document = at->second.get();
  } else if (const auto id = by_id_.find(name); id != by_id_.end()) {
    document = id->second;
  } else {
    return nullptr;
  }
  if (pointer.empty()) return document;
  if (pointer.front() == '/') return follow(*document, pointer);
  const auto anchor = by_id_.find(reference);
  return anchor == by_id_.end() ? nullptr : anchor->second;
}

const json* JsonSchema::resolve(const json& schema) const {
  const json* at = &schema;
  for (int hops = 0; at != nullptr && at->is_object() && at->contains("$ref"); ++hops) {
    const json& reference = (*at)["$ref"];
    if (hops == kReferenceHopsMax || !reference.is_string()) return nullptr;
    at = find(reference.get<std::string>());
  }
  return at;
}

std::size_t json_weight(const json& value) {
  if (value.is_string()) return 1 + value.get_ref<const std::string&>().size() / 64;
  std::size_t weight = 1;
  if (value.is_object()) {
    for (const auto& [name, inner] : value.items()) weight += name.size() / 64 + json_weight(inner);
  } else if (value.is_array()) {
    for (const json& inner : value) weight += json_weight(inner);
  }
  return weight;
}

base::Result<std::shared_ptr<const JsonSchema>> parse_json_schema(const ResolvedSchema& schema) {
  auto made = std::make_shared<JsonSchema>();
  auto texts = schema.references;
  texts.emplace_back("", schema.text);
  for (const auto& [name, text] : texts) {
    const std::string place = name.empty() ? "#" : name;
    if (text.size() > kSchemaTextMax)
      return base::fail_with(base::Code::kLimit, fmt::format("{}: the schema is too large", place),
                             fmt::format("use at most {} bytes", kSchemaTextMax));
    TRY(check_nesting(text, 4 * kSchemaNestingMax));
    json document = json::parse(text, nullptr, false);
    if (document.is_discarded()) return wrong(place, "the schema is not JSON", "write it as JSON");
    TRY(Checker().check(document, place, 0));
    made->documents_[name] = std::make_unique<json>(std::move(document));
  }
  for (const auto& [name, document] : made->documents_) made->index(*document, name, 0);
  for (const json* holder : made->holders_) {
    if (made->resolve(*holder) == nullptr)
      return wrong("#",
                   fmt::format("$ref {} leads nowhere or in a circle", (*holder)["$ref"].dump()),
                   "define it under $defs, or add a reference");
  }
  return made;
}

const nlohmann::json* keyword(const nlohmann::json& schema, const char* name) {
  if (!schema.is_object()) return nullptr;
  const auto at = schema.find(name);
  return at == schema.end() ? nullptr : &*at;
}

JsonItems items_of(const nlohmann::json& schema) {
  const nlohmann::json* items = keyword(schema, "items");
  if (items != nullptr && items->is_array()) return {items, keyword(schema, "additionalItems")};
  return {keyword(schema, "prefixItems"), items};
}

}  // namespace schema
