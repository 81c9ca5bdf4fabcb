#include "batch/flags.h"

#include <algorithm>
#include <filesystem>
#include <regex>

#include "base/yaml.h"
#include "sql/database.h"

namespace batch {
namespace {

using base::Code;
using base::Result;

constexpr std::size_t kFileBytesMax = 1UL << 20;

Result<Flag> load_flag(const base::Path& project, const base::Path& path) {
  const base::Yaml yaml = TRY(base::Yaml::load(path));
  TRY(yaml.only({"model", "candidate", "key", "percent"}));
  Flag flag{.name = path.stem().string(),
            .model = TRY(yaml.text("model")),
            .candidate = {},
            .key = TRY(yaml.texts_or_none("key")),
            .file = path.string()};
  const std::string percent = TRY(yaml.text("percent"));
  char* end = nullptr;
  flag.percent = std::strtod(percent.c_str(), &end);
  if (end == percent.c_str() || *end != '\0' || !(flag.percent >= 0) || flag.percent > 100)
    return TRY(yaml.child("percent"))
        .fail_here(fmt::format("'{}' is no percentage", percent), "write 0 to 100");
  if (flag.key.empty())
    return yaml.fail_here("the flag has no key",
                          "write 'key: [column]': rows of one key go together");
  const base::Path file = project / TRY(yaml.text("candidate"));
  flag.candidate = TRY(runs::parse_model(
      TRY(base::read_file(base::posix_file_system(), file, kFileBytesMax)), file.string()));
  if (flag.candidate.table != flag.model)
    return TRY(yaml.child("candidate"))
        .fail_here(fmt::format("the candidate writes {}, the flag is on {}", flag.candidate.table,
                               flag.model),
                   "name a model of the same table");
  return flag;
}

}  // namespace

std::string Flag::bucket_sql() const {
  std::vector<std::string> parts{sql::quote_text(name)};
  for (const std::string& column : key)
    parts.push_back(fmt::format("coalesce(CAST({} AS VARCHAR), '')", sql::quote_name(column)));
  return fmt::format("(md5_number_lower(concat_ws('|', {})) % 100000)", fmt::join(parts, ", "));
}

std::string Flag::decision() const {
  return fmt::format("{}={}% of v{} {}", name, percent, candidate.version, candidate.fingerprint());
}

nlohmann::json to_json(const Flag& flag) {
  return {{"flag", flag.name},
          {"model", flag.model},
          {"candidate", flag.candidate.file},
          {"candidate_version", flag.candidate.version},
          {"candidate_hash", flag.candidate.fingerprint()},
          {"key", flag.key},
          {"percent", flag.percent}};
}

Result<std::vector<Flag>> load_flags(const base::Path& project) {
  std::vector<Flag> flags;
  if (!std::filesystem::exists(project / "flags")) return flags;
  for (const std::string& name : TRY(base::posix_file_system().list(project / "flags")))
    if (name.ends_with(".yaml")) flags.push_back(TRY(load_flag(project, project / "flags" / name)));
  return flags;
}

runs::Model with_flags(runs::Model model, const std::vector<Flag>& flags) {
  for (const Flag& flag : flags) {
    if (flag.model != model.table) continue;
    const auto below = static_cast<std::int64_t>(flag.percent * 1000 + 0.5);
    // On one line before the model's own text, so that its lines count as in its file.
    model.sql = fmt::format(
        "SELECT * FROM ({}\n) WHERE {bucket} >= {below} UNION ALL BY NAME SELECT * FROM ({}\n) "
        "WHERE "
        "{bucket} < {below}",
        model.sql, flag.candidate.sql, fmt::arg("bucket", flag.bucket_sql()),
        fmt::arg("below", below));
  }
  return model;
}

std::string decisions(const std::string& table, const std::vector<Flag>& flags) {
  std::string text;
  for (const Flag& flag : flags)
    if (flag.model == table) text += (text.empty() ? "" : ", ") + flag.decision();
  return text;
}

Result<Flag> set_percent(const base::Path& project, const std::string& name, double percent) {
  std::vector<std::string> names;
  for (const Flag& flag : TRY(load_flags(project))) {
    names.push_back(flag.name);
    if (flag.name != name) continue;
    if (!(percent >= 0) || percent > 100)
      return base::fail_with(Code::kInvalid, fmt::format("{} is no percentage", percent),
                             "write 0 to 100");
    std::string text = TRY(base::read_file(base::posix_file_system(), flag.file, kFileBytesMax));
    static const std::regex kPercent(R"((^|\n)percent:[^\n]*)");
    text = std::regex_replace(text, kPercent, fmt::format("$1percent: {}", percent));
    TRY(base::write_file_durably(base::posix_file_system(), flag.file, text));
    return load_flag(project, flag.file);
  }
  return base::fail_with(Code::kNotFound, fmt::format("there is no flag '{}'", name),
                         names.empty() ? std::string("write flags/NAME.yaml")
                                       : fmt::format("the flags are {}", fmt::join(names, ", ")));
}

}  // namespace batch
