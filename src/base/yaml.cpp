#include "base/yaml.h"

#include <algorithm>

#include "base/clock.h"
#include "base/edit_distance.h"

namespace base {
namespace {

template <class T>
Result<T> convert(const Yaml& at, const YAML::Node& value, std::string_view key, std::string_view type) {
  try {
    return value.as<T>();
  } catch (const YAML::Exception&) {
    return at.fail_here(fmt::format("'{}' must be {}", key, type));
  }
}

}  // namespace

Result<Yaml> Yaml::load(const Path& path) {
  const std::string text = TRY(read_file(posix_file_system(), path, 16UL << 20));
  return parse(text, path.string());
}

Result<Yaml> Yaml::parse(const std::string& text, const std::string& file, int first_line) {
  try {
    return Yaml(YAML::Load(text), file, first_line);
  } catch (const YAML::Exception& e) {
    return std::unexpected(
        Error{.code = Code::kInvalid, .message = fmt::format("not YAML: {}", e.msg)}.at(
            file, e.mark.line + first_line));
  }
}

int Yaml::line() const { return node_.Mark().line < 0 ? 0 : node_.Mark().line + first_line_; }

std::unexpected<Error> Yaml::fail_here(std::string message, std::string mend) const {
  return std::unexpected(
      Error{.code = Code::kInvalid, .message = std::move(message), .mend = std::move(mend)}.at(file_, line()));
}

bool Yaml::has(const std::string& key) const { return node_.IsMap() && node_[key].IsDefined(); }

Result<Yaml> Yaml::child(const std::string& key) const {
  if (!has(key)) return fail_here(fmt::format("'{}' is missing", key), fmt::format("add '{}:'", key));
  return Yaml(node_[key], file_, first_line_);
}

Result<std::string> Yaml::scalar() const {
  if (!node_.IsScalar()) return fail_here("a single value is expected here");
  return node_.Scalar();
}

Result<std::string> Yaml::text(const std::string& key) const {
  const Yaml value = TRY(child(key));
  if (!value.node_.IsScalar()) return value.fail_here(fmt::format("'{}' must be a text", key));
  return value.node_.Scalar();
}

Result<std::string> Yaml::text_or(const std::string& key, const std::string& otherwise) const {
  if (!has(key)) return otherwise;
  return text(key);
}

Result<std::int64_t> Yaml::integer_or(const std::string& key, std::int64_t otherwise) const {
  if (!has(key)) return otherwise;
  return convert<std::int64_t>(TRY(child(key)), node_[key], key, "a whole number");
}

Result<double> Yaml::number_or(const std::string& key, double otherwise) const {
  if (!has(key)) return otherwise;
  return convert<double>(TRY(child(key)), node_[key], key, "a number");
}

Result<bool> Yaml::boolean_or(const std::string& key, bool otherwise) const {
  if (!has(key)) return otherwise;
  return convert<bool>(TRY(child(key)), node_[key], key, "true or false");
}

Result<std::int64_t> Yaml::duration_us_or(const std::string& key, std::int64_t otherwise_us) const {
  if (!has(key)) return otherwise_us;
  const Yaml value = TRY(child(key));
  auto us = parse_duration_us(TRY(value.scalar()));
  if (!us) return std::unexpected(std::move(us).error().in(fmt::format("'{}'", key)).at(file_, value.line()));
  return us;
}

Result<std::vector<std::string>> Yaml::texts_or_none(const std::string& key) const {
  std::vector<std::string> texts;
  if (!has(key)) return texts;
  const Yaml value = TRY(child(key));
  if (value.node_.IsScalar()) return std::vector{value.node_.Scalar()};
  if (!value.node_.IsSequence()) return value.fail_here(fmt::format("'{}' must be a list of texts", key));
  for (const Yaml& item : value.items()) texts.push_back(TRY(item.scalar()));
  return texts;
}

std::vector<Yaml> Yaml::items() const {
  std::vector<Yaml> result;
  if (!node_.IsSequence()) return result;
  for (const YAML::Node& item : node_) result.push_back(Yaml(item, file_, first_line_));
  return result;
}

std::vector<std::pair<std::string, Yaml>> Yaml::entries() const {
  std::vector<std::pair<std::string, Yaml>> result;
  if (!node_.IsMap()) return result;
  for (const auto& entry : node_) {
    result.emplace_back(entry.first.Scalar(), Yaml(entry.second, file_, first_line_));
  }
  return result;
}

Result<> Yaml::only(const std::set<std::string>& known) const {
  if (!node_.IsMap()) return fail_here("'name: value' lines are expected here");
  for (const auto& entry : node_) {
    const std::string& key = entry.first.Scalar();
    if (known.contains(key)) continue;
    const auto nearest = std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
      return edit_distance(a, key) < edit_distance(b, key);
    });
    const Yaml at(entry.first, file_, first_line_);
    return at.fail_here(fmt::format("unknown setting '{}'", key),
                        edit_distance(*nearest, key) <= 3
                            ? fmt::format("did you mean '{}'?", *nearest)
                            : fmt::format("known settings are {}", fmt::join(known, ", ")));
  }
  return {};
}

}  // namespace base
