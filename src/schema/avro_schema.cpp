#include "schema/avro_schema.h"

#include <algorithm>
#include <set>

#include "schema/avro_value.h"

namespace schema {

using nlohmann::json;

namespace {

constexpr std::pair<AvroType, std::string_view> kNames[] = {
    {AvroType::kNull, "null"},   {AvroType::kBoolean, "boolean"}, {AvroType::kInt, "int"},
    {AvroType::kLong, "long"},   {AvroType::kFloat, "float"},     {AvroType::kDouble, "double"},
    {AvroType::kBytes, "bytes"}, {AvroType::kString, "string"},   {AvroType::kRecord, "record"},
    {AvroType::kEnum, "enum"},   {AvroType::kArray, "array"},     {AvroType::kMap, "map"},
    {AvroType::kUnion, "union"}, {AvroType::kFixed, "fixed"},
};
constexpr std::size_t kPrimitives = 8;

bool is_name(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && letter(name[0]) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

bool is_full_name(std::string_view name) {
  for (;;) {
    const std::size_t dot = name.find('.');
    if (!is_name(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

std::string in_namespace(const std::string& name, const std::string& space) {
  return name.find('.') != std::string::npos || space.empty() ? name : space + "." + name;
}

std::string namespace_of(const std::string& full) {
  const std::size_t dot = full.rfind('.');
  return dot == std::string::npos ? "" : full.substr(0, dot);
}

std::string text_or(const json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

}  // namespace

std::string_view avro_type_name(AvroType type) {
  for (const auto& [known, name] : kNames) {
    if (known == type) return name;
  }
  return "null";
}

std::string_view AvroNode::short_name() const {
  return std::string_view(name).substr(name.rfind('.') + 1);
}

std::string_view AvroNode::branch_name() const {
  return is_named() ? std::string_view(name) : avro_type_name(type);
}

// One text with the names of those before it.
class AvroParser {
 public:
  using Place = std::string;  // JSON pointer
  using Node = base::Result<const AvroNode*>;

  AvroParser() : schema_(std::make_shared<AvroSchema>()) {}

  base::Result<> add(const std::string& text) {
    if (text.size() > kSchemaTextMax)
      return base::fail_with(
          base::Code::kLimit,
          fmt::format("the schema has {} bytes, more than {}", text.size(), kSchemaTextMax),
          "split it by references");
    TRY(check_nesting(text, 4 * kSchemaNestingMax));
    json document = json::parse(text, nullptr, false);
    if (document.is_discarded()) {
      if (!is_full_name(text)) return wrong("", "the schema is not JSON", "write it as JSON");
      document = text;  // "string" may stand without quotes
    }
    schema_->root_ = TRY(parse(document, "", "", 0));
    return {};
  }

  // Defaults are looked at when all names are known.
  base::Result<std::shared_ptr<const AvroSchema>> finish() {
    for (const auto& [field, place] : defaults_) {
      auto fits = avro_default(*field->type, *field->default_value);
      if (!fits)
        return wrong(
            place,
            fmt::format("Invalid default for field {}: {}", field->name, fits.error().message),
            fmt::format("give a value of type {}", field->type->branch_name()));
    }
    return schema_;
  }

 private:
  static std::unexpected<base::Error> wrong(const Place& place, std::string message,
                                            std::string mend) {
    if (!place.empty()) message = fmt::format("{}: {}", place, message);
    return base::fail_with(base::Code::kInvalid, std::move(message), std::move(mend));
  }

  base::Result<AvroNode*> make(AvroType type, const Place& place) {
    if (schema_->nodes_.size() >= kSchemaNodesMax)
      return base::fail_with(
          base::Code::kLimit,
          fmt::format("{}: the schema has more than {} types", place, kSchemaNodesMax),
          "split it by references");
    AvroNode& node = schema_->nodes_.emplace_back();
    node.type = type;
    return &node;
  }

  Node parse(const json& value, const std::string& space, const Place& place, std::size_t depth) {
    if (depth > kSchemaNestingMax)
      return base::fail_with(
          base::Code::kLimit,
          fmt::format("the schema is nested deeper than {} levels", kSchemaNestingMax),
          "give inner types names of their own and refer to them");
    if (value.is_string()) return named(value.get<std::string>(), space, place);
    if (value.is_array()) return parse_union(value, space, place, depth);
    if (!value.is_object())
      return wrong(place, "a type is a name, an object or a list",
                   "look into Avro's specification");
    const auto type = value.find("type");
    if (type == value.end()) return wrong(place, "No \"type\" is there", "add \"type\"");
    if (!type->is_string()) return parse(*type, space, place + "/type", depth + 1);
    const std::string name = type->get<std::string>();
    if (name == "record" || name == "error") return parse_record(value, space, place, depth);
    if (name == "enum") return parse_enum(value, space, place);
    if (name == "fixed") return parse_fixed(value, space, place);
    if (name == "array" || name == "map") {
      AvroNode* node = TRY(make(name == "array" ? AvroType::kArray : AvroType::kMap, place));
      const char* inner = name == "array" ? "items" : "values";
      if (!value.contains(inner))
        return wrong(place, fmt::format("this {} has no \"{}\"", name, inner),
                     fmt::format("add \"{}\"", inner));
      node->items = TRY(parse(value[inner], space, fmt::format("{}/{}", place, inner), depth + 1));
      return node;
    }
    const AvroNode* known = TRY(named(name, space, place));
    if (known->is_named() || !value.contains("logicalType")) return known;
    AvroNode* node = TRY(make(known->type, place));
    read_logical(value, *node);
    return node;
  }

  Node named(const std::string& name, const std::string& space, const Place& place) {
    for (std::size_t i = 0; i < kPrimitives; ++i) {
      if (kNames[i].second != name) continue;
      const AvroNode*& node = primitives_[i];
      if (node == nullptr) node = TRY(make(kNames[i].first, place));
      return node;
    }
    for (const std::string& full : {in_namespace(name, space), name}) {
      if (const auto at = names_.find(full); at != names_.end()) return at->second;
    }
    return wrong(place, fmt::format("\"{}\" is not a defined name", name),
                 "define it before it is used, or add a reference");
  }

  Node parse_union(const json& value, const std::string& space, const Place& place,
                   std::size_t depth) {
    AvroNode* node = TRY(make(AvroType::kUnion, place));
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < value.size(); ++i) {
      const Place at = fmt::format("{}/{}", place, i);
      const AvroNode* branch = TRY(parse(value[i], space, at, depth + 1));
      if (branch->type == AvroType::kUnion)
        return wrong(at, "a union stands directly in a union", "put its types into the outer one");
      if (!seen.insert(branch->branch_name()).second)
        return wrong(at, fmt::format("Duplicate in union: {}", branch->branch_name()),
                     "keep one of them, or name them apart");
      node->branches.push_back(branch);
    }
    if (node->branches.empty()) return wrong(place, "the union is empty", "add a type");
    return node;
  }

  // A named type's name and aliases; the type is known from here on.
  base::Result<AvroNode*> declare(AvroType type, const json& value, const std::string& space,
                                  const Place& place) {
    AvroNode* node = TRY(make(type, place));
    const std::string name = text_or(value, "name");
    if (!is_full_name(name))
      return wrong(place, fmt::format("Illegal name: '{}'", name),
                   "use letters, digits and _, not a digit first");
    std::string own = value.contains("namespace") ? text_or(value, "namespace") : space;
    if (!own.empty() && !is_full_name(own))
      return wrong(place, fmt::format("Illegal namespace: '{}'", own),
                   "use names with dots between");
    node->name = in_namespace(name, own);
    node->doc = text_or(value, "doc");
    if (const auto aliases = value.find("aliases"); aliases != value.end()) {
      for (const std::string& alias : TRY(names_in(*aliases, place + "/aliases")))
        node->aliases.push_back(in_namespace(alias, namespace_of(node->name)));
    }
    for (std::size_t i = 0; i < kPrimitives; ++i) {
      if (kNames[i].second == node->name)
        return wrong(place, fmt::format("Schemas may not be named after primitives: {}", name),
                     "choose another name");
    }
    if (!names_.emplace(node->name, node).second)
      return wrong(place, fmt::format("Can't redefine: {}", node->name),
                   "refer to it by its name instead");
    return node;
  }

  static base::Result<std::vector<std::string>> names_in(const json& list, const Place& place) {
    std::vector<std::string> names;
    if (!list.is_array()) return wrong(place, "a list of names is expected", "write [\"name\"]");
    for (const json& name : list) {
      if (!name.is_string() || !is_full_name(name.get<std::string>()))
        return wrong(place, fmt::format("Illegal name: {}", name.dump()),
                     "use letters, digits and _, not a digit first");
      names.push_back(name.get<std::string>());
    }
    return names;
  }

  Node parse_record(const json& value, const std::string& space, const Place& place,
                    std::size_t depth) {
    AvroNode* node = TRY(declare(AvroType::kRecord, value, space, place));
    const auto fields = value.find("fields");
    if (fields == value.end() || !fields->is_array())
      return wrong(place, fmt::format("record {} has no list \"fields\"", node->name),
                   "add \"fields\": […]");
    std::set<std::string> seen;
    node->fields.reserve(fields->size());  // `defaults_` points into it
    for (std::size_t i = 0; i < fields->size(); ++i) {
      const Place at = fmt::format("{}/fields/{}", place, i);
      AvroField field = TRY(parse_field((*fields)[i], namespace_of(node->name), at, depth));
      if (!seen.insert(field.name).second)
        return wrong(at, fmt::format("Duplicate field {} in record {}", field.name, node->name),
                     "name each field once");
      node->fields.push_back(std::move(field));
      if (node->fields.back().default_value) defaults_.emplace_back(&node->fields.back(), at);
    }
    return node;
  }

  base::Result<AvroField> parse_field(const json& value, const std::string& space,
                                      const Place& place, std::size_t depth) {
    if (!value.is_object() || !value.contains("type"))
      return wrong(place, "a field is an object with \"name\" and \"type\"", "write it so");
    AvroField field;
    field.name = text_or(value, "name");
    if (!is_name(field.name))
      return wrong(place, fmt::format("Illegal field name: '{}'", field.name),
                   "use letters, digits and _, not a digit first");
    field.doc = text_or(value, "doc");
    if (const auto aliases = value.find("aliases"); aliases != value.end())
      field.aliases = TRY(names_in(*aliases, place + "/aliases"));
    field.type = TRY(parse(value["type"], space, place + "/type", depth + 1));
    if (const auto given = value.find("default"); given != value.end())
      field.default_value = *given;
    return field;
  }

  Node parse_enum(const json& value, const std::string& space, const Place& place) {
    AvroNode* node = TRY(declare(AvroType::kEnum, value, space, place));
    if (!value.contains("symbols"))
      return wrong(place, fmt::format("enum {} has no symbols", node->name),
                   "add \"symbols\": […]");
    std::set<std::string> seen;
    for (const std::string& symbol : TRY(names_in(value["symbols"], place + "/symbols"))) {
      if (!is_name(symbol) || !seen.insert(symbol).second)
        return wrong(place, fmt::format("Illegal or duplicate symbol: {}", symbol),
                     "name each symbol once, by letters, digits and _");
      node->symbols.push_back(symbol);
    }
    if (const auto given = value.find("default"); given != value.end()) {
      if (!given->is_string() || !seen.contains(given->get<std::string>()))
        return wrong(place,
                     fmt::format("the enum's default {} is not one of its symbols", given->dump()),
                     "name a symbol");
      node->symbol_default = given->get<std::string>();
    }
    return node;
  }

  Node parse_fixed(const json& value, const std::string& space, const Place& place) {
    AvroNode* node = TRY(declare(AvroType::kFixed, value, space, place));
    const auto size = value.find("size");
    if (size == value.end() || !size->is_number_integer() || *size < 0 || *size > kAvroFixedMax)
      return wrong(place, fmt::format("Invalid or no size of fixed {}", node->name),
                   fmt::format("give 0 to {} bytes", kAvroFixedMax));
    node->size = size->get<std::int64_t>();
    read_logical(value, *node);
    return node;
  }

  // A logical type that does not fit its type is ignored, as the specification asks.
  static void read_logical(const json& value, AvroNode& node) {
    const std::string name = text_or(value, "logicalType");
    using enum AvroType;
    const bool fits =
        ((name == "date" || name == "time-millis") && node.type == kInt) ||
        ((name == "time-micros" || name.starts_with("timestamp-") ||
          name.starts_with("local-timestamp-")) &&
         node.type == kLong) ||
        (name == "uuid" && (node.type == kString || (node.type == kFixed && node.size == 16))) ||
        (name == "duration" && node.type == kFixed && node.size == 12);
    if (fits) node.logical = name;
    if (name != "decimal" || (node.type != kBytes && node.type != kFixed)) return;
    const auto number = [&](const char* key) {
      const auto at = value.find(key);
      return at != value.end() && at->is_number_integer() ? at->get<std::int64_t>() : 0;
    };
    const std::int64_t precision = number("precision");
    const std::int64_t scale = number("scale");
    if (precision < 1 || precision > 1000 || scale < 0 || scale > precision) return;
    node.logical = name;
    node.precision = static_cast<int>(precision);
    node.scale = static_cast<int>(scale);
  }

  std::shared_ptr<AvroSchema> schema_;
  std::map<std::string, const AvroNode*> names_;
  const AvroNode* primitives_[kPrimitives] = {};
  std::vector<std::pair<const AvroField*, Place>> defaults_;
};

base::Result<std::shared_ptr<const AvroSchema>> parse_avro(const ResolvedSchema& schema) {
  AvroParser parser;
  for (const auto& [name, text] : schema.references) {
    if (auto added = parser.add(text); !added)
      return std::unexpected(std::move(added).error().in("reference " + name));
  }
  TRY(parser.add(schema.text));
  return parser.finish();
}

base::Result<std::shared_ptr<const AvroSchema>> parse_avro(const std::string& text) {
  return parse_avro(ResolvedSchema{.type = SchemaType::kAvro, .text = text, .references = {}});
}

}  // namespace schema
