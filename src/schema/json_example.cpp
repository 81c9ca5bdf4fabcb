// json_example().
#include <cmath>

#include "schema/json_schema.h"

namespace schema {
namespace {

using nlohmann::json;

const json kAnything = json::object();
const json kAny = true;
constexpr std::size_t kExampleStepsMax = 20'000;

class Sampler {
 public:
  Sampler(const JsonSchema& reader, const JsonSchema& writer, std::uint64_t seed,
          JsonSearch& search)
      : reader_(reader),
        writer_(writer),
        search_(search),
        state_(seed * 0x9E3779B97F4A7C15ULL + 0x1234567) {}

  // `asked`: what the reader says of the same place, to hit where the two differ.
  json sample(const json& given, const json& asked, std::size_t depth) {
    if (depth > kDepthMax || !spend(1)) {
      exhausted = true;
      return nullptr;
    }
    const json* found = writer_.resolve(given);
    const json* other = reader_.resolve(asked);
    const json& r = other != nullptr && other->is_object() ? *other : kAnything;
    if (found == nullptr || !found->is_object()) return any_value(r);
    json flat;
    if (found->contains("allOf") || found->contains("anyOf") || found->contains("oneOf")) {
      flat = copied(*found);
      for (const char* key : {"allOf", "anyOf", "oneOf"}) flatten(flat, key, depth);
      found = &flat;
    }
    const json& s = *found;
    if (s.contains("const")) return copied(s["const"]);
    if (s.contains("enum") && !s["enum"].empty()) return copied(s["enum"][pick(s["enum"].size())]);
    const std::string type = type_of(s);
    if (type == "string") return text(s, r);
    if (type == "integer" || type == "number") return number(s, r, type == "integer");
    if (type == "boolean") return pick(2) == 0;
    if (type == "null") return nullptr;
    if (type == "array") return array(s, r, depth);
    if (type == "object") return object(s, r, depth);
    return any_value(r);
  }

  bool exhausted = false;

 private:
  static constexpr std::size_t kDeep = 8;
  static constexpr std::size_t kDepthMax = 64;

  bool spend(std::size_t steps) {
    if (exhausted || steps > steps_left_ || !search_.spend(steps)) {
      exhausted = true;
      return false;
    }
    steps_left_ -= steps;
    return true;
  }

  json copied(const json& value) {
    return exhausted || !spend(json_weight(value)) ? json() : value;
  }

  std::uint64_t pick(std::uint64_t below) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return (state_ >> 11) % below;
  }

  void flatten(json& s, const char* key, std::size_t depth) {
    const auto at = s.find(key);
    if (at == s.end() || depth > kDeep) return;
    const json parts = *at;
    s.erase(at);
    const bool all = std::string_view(key) == "allOf";
    const std::size_t one = pick(parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (!all && i != one) continue;
      const json* part = writer_.resolve(parts[i]);
      if (part == nullptr || !part->is_object() || !spend(json_weight(*part))) continue;
      for (const auto& [name, value] : part->items()) {
        if (name == "properties" && s.contains(name)) {
          s[name].update(value);
        } else if (name == "required" && s.contains(name) && s[name].is_array()) {
          for (const json& required : value) s[name].push_back(required);
        } else {
          s[name] = value;
        }
      }
    }
  }

  std::string type_of(const json& s) {
    const auto type = s.find("type");
    if (type != s.end() && type->is_string()) return type->get<std::string>();
    if (type != s.end() && type->is_array()) return (*type)[pick(type->size())].get<std::string>();
    if (s.contains("properties") || s.contains("required")) return "object";
    if (s.contains("items")) return "array";
    return "";
  }

  // A value where anything goes, more often one that the reader does not expect.
  json any_value(const json& r) {
    if (pick(4) == 0 && r.contains("const")) return r["const"];
    switch (pick(7)) {
      case 0:
        return 0;
      case 1:
        return "a";
      case 2:
        return nullptr;
      case 3:
        return true;
      case 4:
        return json::array();
      case 5:
        return 1.5;
      default:
        return json::object();
    }
  }

  static double bound(const json& s, const char* key, double otherwise) {
    const auto at = s.find(key);
    return at != s.end() && at->is_number() ? at->get<double>() : otherwise;
  }

  json text(const json& s, const json& r) {
    const double least = bound(s, "minLength", 0);
    const double most = std::min(bound(s, "maxLength", 4096), 4096.0);
    const double choices[] = {
        least, most, least + 1, bound(r, "maxLength", 2) + 1, bound(r, "minLength", 2) - 1, 1};
    const double size = std::clamp(choices[pick(6)], least, std::max(least, most));
    if (!spend(static_cast<std::size_t>(std::min(size, 4096.0)) / 64)) return "";
    return std::string(static_cast<std::size_t>(std::min(size, 4096.0)), "a0 "[pick(3)]);
  }

  json number(const json& s, const json& r, bool whole) {
    const double step = std::max(bound(s, "multipleOf", whole ? 1 : 0.5), 1e-9);
    const double choices[] = {0,
                              1,
                              -1,
                              bound(s, "minimum", 3),
                              bound(s, "maximum", 7),
                              bound(s, "exclusiveMinimum", 0) + step,
                              bound(s, "exclusiveMaximum", 0) - step,
                              bound(r, "maximum", 0) + step,
                              bound(r, "minimum", 0) - step,
                              bound(r, "exclusiveMaximum", 5),
                              bound(r, "exclusiveMinimum", 5),
                              0.5,
                              step};
    double value = choices[pick(std::size(choices))];
    if (whole || s.contains("multipleOf")) value = std::round(value / step) * step;
    if (whole && std::abs(value) < 1e15) return static_cast<std::int64_t>(value);
    return value;
  }

  json array(const json& s, const json& r, std::size_t depth) {
    json out = json::array();
    if (depth > kDeep) return out;
    const double least = bound(s, "minItems", 0);
    const double choices[] = {least, 1, 2, bound(s, "maxItems", 3), bound(r, "maxItems", 1) + 1};
    const double size = std::min(std::max(choices[pick(5)], least), 64.0);
    for (std::size_t i = 0; i < static_cast<std::size_t>(size) && !exhausted; ++i)
      out.push_back(sample(item(s, i), item(r, i), depth + 1));
    return out;
  }

  static const json& item(const json& s, std::size_t i) {
    for (const char* key : {"prefixItems", "items"}) {
      const auto at = s.find(key);
      if (at == s.end()) continue;
      if (!at->is_array()) return *at;
      if (i < at->size()) return (*at)[i];
    }
    const auto rest = s.find("additionalItems");
    return rest == s.end() ? kAnything : *rest;
  }

  json object(const json& s, const json& r, std::size_t depth) {
    json out = json::object();
    static const json kNone = json::object();
    const json& properties = s.contains("properties") ? s["properties"] : kNone;
    const json& asked = r.contains("properties") ? r["properties"] : kNone;
    const json& required = s.contains("required") ? s["required"] : kNone;
    for (const auto& [name, schema] : properties.items()) {
      if (!spend(required.size() / 8 + name.size() / 64)) return out;
      const bool needed = std::ranges::count(required, json(name)) > 0;
      if (!needed && (depth > kDeep || pick(2) == 0)) continue;
      out[name] = sample(schema, asked.contains(name) ? asked[name] : kAnything, depth + 1);
    }
    if (depth > kDeep) return out;
    const json& rest = s.contains("additionalProperties") ? s["additionalProperties"] : kAny;
    for (const auto& [name, schema] : asked.items()) {
      if (!spend(name.size() / 64)) return out;
      if (properties.contains(name) || rest == false || pick(2) == 0) continue;
      out[name] = sample(rest, schema, depth + 1);
    }
    if (rest != false && pick(4) == 0) out["another"] = sample(rest, kAnything, depth + 1);
    return out;
  }

  const JsonSchema& reader_;
  const JsonSchema& writer_;
  JsonSearch& search_;
  std::uint64_t state_;
  std::size_t steps_left_ = kExampleStepsMax;
};

}  // namespace

std::optional<json> json_example(const JsonSchema& reader, const JsonSchema& writer,
                                 std::uint64_t seed, JsonSearch& search) {
  Sampler sampler(reader, writer, seed, search);
  json value = sampler.sample(writer.root(), reader.root(), 0);
  if (sampler.exhausted) return std::nullopt;
  return value;
}

}  // namespace schema
