// The registry's levels and modes.
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

static json change_of(const std::string& subject, const Registry::Config& config) {
  json change{{"change", "config"}, {"subject", subject}};
  if (config.level) change["level"] = level_name(*config.level);
  if (config.normalize) change["normalize"] = *config.normalize;
  return change;
}

Answer<> Registry::set_config(const std::string& subject, const Config& config) {
  const std::scoped_lock writing(writing_);
  Config merged = own_config(subject).value_or(Config{});
  if (config.level) merged.level = config.level;
  if (config.normalize) merged.normalize = config.normalize;
  return write(change_of(subject, merged));
}

Answer<Registry::Config> Registry::remove_config(const std::string& subject) {
  const std::scoped_lock writing(writing_);
  const auto had = own_config(subject);
  if (!had && !subject.empty())
    return refuse(kSubjectNotFound, fmt::format("Subject '{}' not found.", subject));
  auto done = write(change_of(subject, {}));
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
