// AvroSchema::normalised().
#include <set>

#include "schema/avro_schema.h"

namespace schema {
namespace {

using Json = nlohmann::ordered_json;

Json print(const AvroNode& node, std::set<const AvroNode*>& printed);

Json print_field(const AvroField& field, std::set<const AvroNode*>& printed) {
  Json out{{"name", field.name}, {"type", print(*field.type, printed)}};
  if (!field.doc.empty()) out["doc"] = field.doc;
  if (field.default_value) out["default"] = *field.default_value;
  if (!field.aliases.empty()) out["aliases"] = field.aliases;
  return out;
}

void print_logical(const AvroNode& node, Json& out) {
  if (node.logical.empty()) return;
  out["logicalType"] = node.logical;
  if (node.logical != "decimal") return;
  out["precision"] = node.precision;
  out["scale"] = node.scale;
}

Json print_named(const AvroNode& node, std::set<const AvroNode*>& printed) {
  if (!printed.insert(&node).second) return node.name;
  Json out{{"type", avro_type_name(node.type)}, {"name", node.name}};
  if (!node.doc.empty()) out["doc"] = node.doc;
  if (!node.aliases.empty()) out["aliases"] = node.aliases;
  if (node.type == AvroType::kRecord) {
    out["fields"] = Json::array();
    for (const AvroField& field : node.fields) out["fields"].push_back(print_field(field, printed));
  }
  if (node.type == AvroType::kEnum) out["symbols"] = node.symbols;
  if (node.symbol_default) out["default"] = *node.symbol_default;
  if (node.type == AvroType::kFixed) out["size"] = node.size;
  print_logical(node, out);
  return out;
}

Json print(const AvroNode& node, std::set<const AvroNode*>& printed) {
  if (node.is_named()) return print_named(node, printed);
  if (node.type == AvroType::kUnion) {
    Json out = Json::array();
    for (const AvroNode* branch : node.branches) out.push_back(print(*branch, printed));
    return out;
  }
  Json out{{"type", avro_type_name(node.type)}};
  if (node.type == AvroType::kArray) out["items"] = print(*node.items, printed);
  if (node.type == AvroType::kMap) out["values"] = print(*node.items, printed);
  if (node.items == nullptr && node.logical.empty()) return avro_type_name(node.type);
  print_logical(node, out);
  return out;
}

}  // namespace

std::string AvroSchema::normalised() const {
  std::set<const AvroNode*> printed;
  return print(*root_, printed).dump();
}

}  // namespace schema
