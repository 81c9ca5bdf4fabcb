// validate_json(). Source: JSON Schema 2020-12, "Validation"; keywords of older drafts where they
// were renamed.
#include <cmath>

#include "schema/json_schema.h"

namespace schema {
namespace {

using nlohmann::json;

constexpr std::size_t kStepsMax = 200'000;
constexpr std::size_t kDepthMax = 200;
constexpr std::size_t kShownTextMax = 200;
constexpr std::size_t kShownItemsMax = 20;

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool is_whole(const json& value) {
  return value.is_number_integer() ||
         (value.is_number_float() && std::floor(value.get<double>()) == value.get<double>());
}

bool has_type(const json& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return is_whole(value);
  return value.is_number();
}

// A value for a message, cut short.
std::string brief(const json& value, int depth = 0) {
  if (!value.is_structured()) {
    if (!value.is_string() || value.get_ref<const std::string&>().size() <= kShownTextMax)
      return value.dump(-1, ' ', false, json::error_handler_t::replace);
    return json(value.get_ref<const std::string&>().substr(0, kShownTextMax) + "…")
        .dump(-1, ' ', false, json::error_handler_t::replace);
  }
  const bool object = value.is_object();
  if (!value.empty() && (depth > 2 || value.size() > kShownItemsMax)) return object ? "{…}" : "[…]";
  std::string out;
  for (const auto& [name, inner] : value.items()) {
    if (!out.empty()) out.push_back(',');
    if (object) out += brief(json(name), depth) + ":";
    out += brief(inner, depth + 1);
  }
  return object ? "{" + out + "}" : "[" + out + "]";
}

class Validator {
 public:
  Validator(const JsonSchema& schema, JsonSearch& search) : schema_(schema), search_(search) {}

  // "" when it fits.
  std::string check(const json& given, const json& value, const std::string& path,
                    std::size_t depth) {
    if (!search_.spend(1 + path.size() / 64) || depth > kDepthMax) {
      exhausted = true;
      return "";
    }
    const json* found = schema_.resolve(given);
    if (found == nullptr || *found == true) return "";
    if (*found == false) return path + ": nothing is allowed here";
    const json& s = *found;
    std::string problem = check_any(s, value, path);
    if (problem.empty() && value.is_string()) problem = check_text(s, value, path);
    if (problem.empty() && value.is_number()) problem = check_number(s, value, path);
    if (problem.empty() && value.is_object()) problem = check_object(s, value, path, depth);
    if (problem.empty() && value.is_array()) problem = check_array(s, value, path, depth);
    if (problem.empty()) problem = check_combined(s, value, path, depth);
    return problem;
  }

  bool exhausted = false;

 private:
  bool matches(const std::string& pattern, const std::string& text) {
    const auto found = search_.patterns.matches(pattern, text);
    if (search_.patterns.exhausted()) exhausted = true;
    return found.value_or(true);  // else nothing can be said
  }

  std::string check_any(const json& s, const json& value, const std::string& path) {
    if (const json* type = keyword(s, "type")) {
      const bool good =
          type->is_array()
              ? std::ranges::any_of(
                    *type, [&](const json& t) { return has_type(value, t.get<std::string>()); })
              : has_type(value, type->get<std::string>());
      if (!good) return fmt::format("{}: {} expected, found {}", path, brief(*type), brief(value));
    }
    if (const json* list = keyword(s, "enum"); list != nullptr) search_.spend(list->size());
    if (const json* list = keyword(s, "enum");
        list != nullptr && std::ranges::count(*list, value) == 0)
      return fmt::format("{}: {} is none of {}", path, brief(value), brief(*list));
    if (const json* only = keyword(s, "const"); only != nullptr && *only != value)
      return fmt::format("{}: {} expected, found {}", path, brief(*only), brief(value));
    return "";
  }

  std::string check_text(const json& s, const json& value, const std::string& path) {
    const auto& text = value.get_ref<const std::string&>();
    const auto size = static_cast<double>(characters(text));
    if (const json* max = keyword(s, "maxLength"); max != nullptr && size > max->get<double>())
      return fmt::format("{}: longer than {}", path, max->dump());
    if (const json* min = keyword(s, "minLength"); min != nullptr && size < min->get<double>())
      return fmt::format("{}: shorter than {}", path, min->dump());
    if (const json* pattern = keyword(s, "pattern");
        pattern != nullptr && !matches(pattern->get<std::string>(), text))
      return fmt::format("{}: {} does not match {}", path, brief(value), brief(*pattern));
    return "";
  }

  static std::string check_number(const json& s, const json& value, const std::string& path) {
    const double number = value.get<double>();
    const auto over = [&](const char* key, const char* exclusive) {
      const json* max = keyword(s, key);
      const json* strict = keyword(s, exclusive);
      if (strict != nullptr && strict->is_number() && number >= strict->get<double>()) return true;
      const bool and_equal = strict != nullptr && *strict == true;
      return max != nullptr &&
             (number > max->get<double>() || (and_equal && number == max->get<double>()));
    };
    const auto under = [&](const char* key, const char* exclusive) {
      const json* min = keyword(s, key);
      const json* strict = keyword(s, exclusive);
      if (strict != nullptr && strict->is_number() && number <= strict->get<double>()) return true;
      const bool and_equal = strict != nullptr && *strict == true;
      return min != nullptr &&
             (number < min->get<double>() || (and_equal && number == min->get<double>()));
    };
    if (over("maximum", "exclusiveMaximum")) return path + ": above the maximum";
    if (under("minimum", "exclusiveMinimum")) return path + ": below the minimum";
    if (const json* of = keyword(s, "multipleOf"); of != nullptr && of->get<double>() > 0) {
      const double times = number / of->get<double>();
      if (std::abs(times - std::round(times)) > 1e-9)
        return fmt::format("{}: not a multiple of {}", path, of->dump());
    }
    return "";
  }

  std::string check_object(const json& s, const json& value, const std::string& path,
                           std::size_t depth) {
    if (const json* required = keyword(s, "required");
        required != nullptr && required->is_array()) {
      for (const json& name : *required) {
        if (name.is_string() && !value.contains(name.get<std::string>()))
          return fmt::format("{}: required {} is missing", path, name.dump());
      }
    }
    const auto size = static_cast<double>(value.size());
    if (const json* max = keyword(s, "maxProperties"); max != nullptr && size > max->get<double>())
      return path + ": too many properties";
    if (const json* min = keyword(s, "minProperties"); min != nullptr && size < min->get<double>())
      return path + ": too few properties";
    for (const auto& [name, inner] : value.items()) {
      if (auto problem = check_property(s, name, inner, path + "/" + name, depth); !problem.empty())
        return problem;
    }
    return check_dependencies(s, value, path, depth);
  }

  std::string check_property(const json& s, const std::string& name, const json& inner,
                             const std::string& at, std::size_t depth) {
    bool known = false;
    std::string problem;
    if (const json* names = keyword(s, "propertyNames"))
      problem = check(*names, name, at, depth + 1);
    if (const json* properties = keyword(s, "properties");
        problem.empty() && properties != nullptr && properties->contains(name)) {
      known = true;
      problem = check((*properties)[name], inner, at, depth + 1);
    }
    if (const json* patterns = keyword(s, "patternProperties");
        problem.empty() && patterns != nullptr) {
      for (const auto& [pattern, schema] : patterns->items()) {
        if (!matches(pattern, name)) continue;
        known = true;
        if (problem.empty()) problem = check(schema, inner, at, depth + 1);
      }
    }
    const json* rest = keyword(s, "additionalProperties");
    if (problem.empty() && !known && rest != nullptr) problem = check(*rest, inner, at, depth + 1);
    return problem;
  }

  std::string check_dependencies(const json& s, const json& value, const std::string& path,
                                 std::size_t depth) {
    for (const char* key : {"dependencies", "dependentRequired", "dependentSchemas"}) {
      const json* dependencies = keyword(s, key);
      if (dependencies == nullptr) continue;
      for (const auto& [name, need] : dependencies->items()) {
        if (!value.contains(name)) continue;
        for (const json& other : need.is_array() ? need : json::array()) {
          if (other.is_string() && !value.contains(other.get<std::string>()))
            return fmt::format("{}: {} needs {}", path, name, other.dump());
        }
        if (need.is_array()) continue;
        if (auto problem = check(need, value, path, depth + 1); !problem.empty()) return problem;
      }
    }
    return "";
  }

  std::string check_array(const json& s, const json& value, const std::string& path,
                          std::size_t depth) {
    const auto size = static_cast<double>(value.size());
    if (const json* max = keyword(s, "maxItems"); max != nullptr && size > max->get<double>())
      return path + ": too many items";
    if (const json* min = keyword(s, "minItems"); min != nullptr && size < min->get<double>())
      return path + ": too few items";
    if (const json* unique = keyword(s, "uniqueItems"); unique != nullptr && *unique == true) {
      for (std::size_t i = 0; i < value.size() && i < 1000; ++i) {
        if (!search_.spend(1 + i / 8)) break;
        for (std::size_t j = 0; j < i; ++j) {
          if (value[i] == value[j]) return path + ": two items are the same";
        }
      }
    }
    const auto [first, rest] = items_of(s);
    for (std::size_t i = 0; i < value.size(); ++i) {
      const bool at_front = first != nullptr && i < first->size();
      const json* schema = at_front ? &(*first)[i] : rest;
      if (schema == nullptr) continue;
      auto problem = check(*schema, value[i], fmt::format("{}/{}", path, i), depth + 1);
      if (!problem.empty()) return problem;
    }
    if (const json* contains = keyword(s, "contains")) {
      const bool any = std::ranges::any_of(
          value, [&](const json& item) { return check(*contains, item, path, depth + 1).empty(); });
      if (!any) return path + ": no item as 'contains' asks";
    }
    return "";
  }

  std::string check_combined(const json& s, const json& value, const std::string& path,
                             std::size_t depth) {
    if (const json* all = keyword(s, "allOf")) {
      for (const json& each : *all) {
        if (auto problem = check(each, value, path, depth + 1); !problem.empty()) return problem;
      }
    }
    const auto fitting = [&](const json& list) {
      return std::ranges::count_if(
          list, [&](const json& each) { return check(each, value, path, depth + 1).empty(); });
    };
    if (const json* any = keyword(s, "anyOf"); any != nullptr && fitting(*any) == 0)
      return fmt::format("{}: {} fits none of 'anyOf'", path, brief(value));
    if (const json* one = keyword(s, "oneOf")) {
      const auto count = fitting(*one);
      if (count != 1)
        return fmt::format("{}: {} fits {} of 'oneOf', not one", path, brief(value), count);
    }
    if (const json* no = keyword(s, "not");
        no != nullptr && check(*no, value, path, depth + 1).empty())
      return path + ": it fits what 'not' forbids";
    if (const json* when = keyword(s, "if")) {
      const bool holds = check(*when, value, path, depth + 1).empty();
      if (const json* then = keyword(s, holds ? "then" : "else"))
        return check(*then, value, path, depth + 1);
    }
    return "";
  }

  const JsonSchema& schema_;
  JsonSearch& search_;
};

}  // namespace

base::Result<> validate_json(const JsonSchema& schema, const json& value) {
  JsonSearch search{.steps_left = kStepsMax};
  return validate_json(schema, value, search);
}

base::Result<> validate_json(const JsonSchema& schema, const json& value, JsonSearch& search) {
  Validator validator(schema, search);
  std::string problem = validator.check(schema.root(), value, "", 0);
  if (validator.exhausted)
    return base::fail_with(base::Code::kLimit, "the value takes too long to be checked", "");
  if (problem.empty()) return {};
  return base::fail_with(base::Code::kInvalid, std::move(problem), "");
}

}  // namespace schema
