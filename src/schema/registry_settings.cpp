// The registry's levels and modes.
#include <simdjson.h>

#include <algorithm>

#include "schema/registry.h"

namespace schema {

using nlohmann::json;
using enum RegistryCode;

namespace {

constexpr std::pair<Level, std::string_view> kLevels[] = {
    {Level::kNone, "NONE"},
    {Level::kBackward, "BACKWARD"},
    {Level::kBackwardTransitive, "BACKWARD_TRANSITIVE"},
    {Level::kForward, "FORWARD"},
    {Level::kForwardTransitive, "FORWARD_TRANSITIVE"},
    {Level::kFull, "FULL"},
    {Level::kFullTransitive, "FULL_TRANSITIVE"},
};
constexpr std::pair<Mode, std::string_view> kModes[] = {
    {Mode::kReadWrite, "READWRITE"},
    {Mode::kReadOnly, "READONLY"},
    {Mode::kImport, "IMPORT"},
};

}  // namespace

std::string_view level_name(Level level) {
  for (const auto& [known, name] : kLevels) {
    if (known == level) return name;
  }
  return "NONE";
}

Answer<Level> parse_level(std::string_view name) {
  for (const auto& [level, known] : kLevels) {
    if (known == name) return level;
  }
  return refuse(kInvalidLevel,
                "Invalid compatibility level. Valid values are none, backward, forward, full, "
                "backward_transitive, forward_transitive, and full_transitive");
}

std::string_view mode_name(Mode mode) {
  for (const auto& [known, name] : kModes) {
    if (known == mode) return name;
  }
  return "READWRITE";
}

Answer<Mode> parse_mode(std::string_view name) {
  for (const auto& [mode, known] : kModes) {
    if (known == name) return mode;
  }
  return refuse(kInvalidMode, "Invalid mode. Valid values are READWRITE, READONLY and IMPORT");
}

Registry::Config Registry::config(const std::string& subject) const {
  const std::shared_lock lock(state_);
  Config held{.level = Level::kBackward, .normalize = false};
  for (const std::string& name : {std::string(), subject}) {
    const auto at = configs_.find(name);
    if (at == configs_.end()) continue;
    if (at->second.level) held.level = at->second.level;
    if (at->second.normalize) held.normalize = at->second.normalize;
  }
  return held;
}

std::optional<Registry::Config> Registry::own_config(const std::string& subject) const {
  const std::shared_lock lock(state_);
  const auto at = configs_.find(subject);
  return at == configs_.end() ? std::nullopt : std::optional(at->second);
}

Answer<> Registry::check_subject(const std::string& subject) {
  const bool control = std::ranges::any_of(
      subject, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  const bool utf8 = simdjson::validate_utf8(subject.data(), subject.size());
  if (!subject.empty() && subject.size() <= kSubjectNameMax && !control && utf8 &&
      subject != "__GLOBAL" && subject != "__EMPTY")
    return {};
  return refuse(kInvalidSubject, fmt::format("The specified subject '{}' is not a valid subject.",
                                             utf8 ? subject.substr(0, kSubjectNameMax) : ""));
}

std::unexpected<RegistryError> Registry::too_many_names() {
  return refuse(kTooLarge, fmt::format("The registry has {} subjects, levels and modes already: "
                                       "delete those that are not needed",
                                       kRegistrySubjectsMax));
}

Answer<> Registry::admit_setting(const std::string& subject, bool known) const {
  if (subject.empty()) return {};  // of all subjects
  if (auto good = check_subject(subject); !good) return good;
  const std::shared_lock lock(state_);
  if (!known && names() >= kRegistrySubjectsMax) return too_many_names();
  return {};
}

json Registry::config_change(const std::string& subject, const Config& config) {
  json change{{"change", "config"}, {"subject", subject}};
  if (config.level) change["level"] = level_name(*config.level);
  if (config.normalize) change["normalize"] = *config.normalize;
  return change;
}

Answer<> Registry::set_config(const std::string& subject, const Config& config) {
  const std::scoped_lock writing(writing_);
  const auto own = own_config(subject);
  if (auto allowed = admit_setting(subject, own.has_value()); !allowed) return allowed;
  Config merged = own.value_or(Config{});
  if (config.level) merged.level = config.level;
  if (config.normalize) merged.normalize = config.normalize;
  return write(config_change(subject, merged));
}

Answer<Registry::Config> Registry::remove_config(const std::string& subject) {
  const std::scoped_lock writing(writing_);
  const auto had = own_config(subject);
  if (!had && !subject.empty())
    return refuse(kSubjectNotFound, fmt::format("Subject '{}' not found.", subject));
  auto done = write(config_change(subject, {}));
  if (!done) return std::unexpected(done.error());
  return had.value_or(Config{.level = Level::kBackward, .normalize = std::nullopt});
}

Mode Registry::mode(const std::string& subject) const {
  const std::shared_lock lock(state_);
  for (const std::string& name : {subject, std::string()}) {
    if (const auto at = modes_.find(name); at != modes_.end()) return at->second;
  }
  return Mode::kReadWrite;
}

std::optional<Mode> Registry::own_mode(const std::string& subject) const {
  const std::shared_lock lock(state_);
  const auto at = modes_.find(subject);
  return at == modes_.end() ? std::nullopt : std::optional(at->second);
}

Answer<> Registry::set_mode(const std::string& subject, Mode mode, bool force) {
  const std::scoped_lock writing(writing_);
  if (auto allowed = admit_setting(subject, own_mode(subject).has_value()); !allowed)
    return allowed;
  if (mode == Mode::kImport && !force) {
    const bool any = subject.empty() ? !subjects("", Deleted::kHidden).empty()
                                     : version_numbers(subject, Deleted::kHidden).has_value();
    if (any && this->mode(subject) != Mode::kImport)
      return refuse(kNotPermitted,
                    "Cannot import since found existing subjects; use force=true to do it anyway");
  }
  return write({{"change", "mode"}, {"subject", subject}, {"mode", mode_name(mode)}});
}

Answer<Mode> Registry::remove_mode(const std::string& subject) {
  const std::scoped_lock writing(writing_);
  const auto had = own_mode(subject);
  if (!had) return refuse(kSubjectNotFound, fmt::format("Subject '{}' not found.", subject));
  auto done = write({{"change", "mode"}, {"subject", subject}});
  if (!done) return std::unexpected(done.error());
  return *had;
}

}  // namespace schema
