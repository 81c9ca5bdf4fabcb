#include "runs/model.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <regex>

#include "base/clock.h"

namespace runs {
namespace {

constexpr std::int64_t kEveryUsMin = base::kUsPerSecond;
constexpr std::int64_t kEveryUsMax = base::kUsPerDay;

struct Parts {
  std::string header;
  std::string sql;
  int sql_line = 1;
};

base::Result<Parts> split_header(const std::string& text, const std::string& file) {
  const auto no_header = [&](int line) {
    return std::unexpected(
        base::Error{.code = base::Code::kInvalid,
                    .message = "a model starts with a header between two '---' lines",
                    .mend = "put '---', the header, '---' above the SELECT"}
            .at(file, line));
  };
  if (!text.starts_with("---\n")) return no_header(1);
  const std::size_t end = text.find("\n---\n", 3);
  if (end == std::string::npos) return no_header(1);
  Parts parts;
  parts.header = text.substr(4, end + 1 - 4);
  parts.sql = text.substr(end + 5);
  parts.sql_line = static_cast<int>(std::count(
                       text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end + 5), '\n')) +
                   1;
  while (!parts.sql.empty() &&
         (parts.sql.back() == '\n' || parts.sql.back() == ' ' || parts.sql.back() == ';')) {
    parts.sql.pop_back();
  }
  return parts;
}

base::Result<> parse_mode(const base::Yaml& header, Model& model) {
  const std::string mode = TRY(header.text("mode"));
  if (mode == "streaming") return {};
  if (mode.starts_with("every ")) {
    const auto every = base::parse_duration_us(mode.substr(6));
    if (!every || *every < kEveryUsMin || *every > kEveryUsMax)
      return TRY(header.child("mode"))
          .fail_here("a model runs every 1 second to every 24 hours", "write 'every 5 minutes'");
    model.every_us = *every;
    return {};
  }
  static const std::regex kDaily(R"(daily at (\d\d):(\d\d)(?: ([A-Za-z_]+(?:/[A-Za-z_]+)*))?)");
  std::smatch match;
  if (std::regex_match(mode, match, kDaily)) {
    model.mode = Mode::kDaily;
    model.schedule = {std::stoi(match[1]), std::stoi(match[2]),
                      match[3].matched ? match[3].str() : "UTC"};
    if (model.schedule.hour < 24 && model.schedule.minute < 60) return {};
  }
  return TRY(header.child("mode"))
      .fail_here(
          fmt::format("unknown mode '{}'", mode),
          "write 'streaming', 'every 5 minutes' or 'daily at HH:MM', with a time zone behind it "
          "if not UTC");
}

// upsert | buffer 1 hour | reprocess 3 days
base::Result<> parse_late(const base::Yaml& header, Model& model) {
  const std::string late = TRY(header.text_or("late", ""));
  if (late.empty()) return {};
  if (late == "upsert") {
    model.late = Late::kUpsert;
    model.allowed_late_us = kLateForEver;
    return {};
  }
  for (const std::string_view word : {"buffer ", "reprocess "}) {
    if (!late.starts_with(word)) continue;
    const auto us = base::parse_duration_us(late.substr(word.size()));
    if (!us || *us <= 0) break;
    model.late = word == "buffer " ? Late::kBuffer : Late::kReprocess;
    model.allowed_late_us = *us;
    return {};
  }
  return TRY(header.child("late"))
      .fail_here(fmt::format("unknown treatment of late rows '{}'", late),
                 "write 'upsert', 'buffer 1 hour' or 'reprocess 3 days'");
}

base::Result<> check_table(const base::Yaml& header, const Model& model) {
  static const std::regex kName("(silver|gold)\\.[a-z][a-z0-9_]*");
  if (std::regex_match(model.table, kName)) return {};
  return TRY(header.child("table"))
      .fail_here(fmt::format("'{}' is no table for a model", model.table),
                 "write silver.NAME or gold.NAME in small letters, digits and _");
}

}  // namespace

std::string Model::fingerprint() const {
  const std::string all = fmt::format(
      "{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", table, version, static_cast<int>(mode), time, watermark_us,
      fmt::join(key, ","), fmt::join(partition, ","), ttl_us, quality, sql);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(), digest.data());
  std::string hex;
  for (std::size_t i = 0; i < 8; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

base::Result<Model> parse_model(const std::string& text, const std::string& file) {
  Parts parts = TRY(split_header(text, file));
  const base::Yaml header = TRY(base::Yaml::parse(parts.header, file, 2));
  TRY(header.only({"table", "version", "mode", "time", "watermark", "late", "key", "partition",
                   "ttl", "quality", "description"}));
  Model model;
  model.file = file;
  model.text = text;
  model.table = TRY(header.text("table"));
  TRY(check_table(header, model));
  model.version = static_cast<int>(TRY(header.integer_or("version", 1)));
  TRY(parse_mode(header, model));
  model.time = TRY(header.text_or("time", ""));
  model.watermark_us = TRY(header.duration_us_or("watermark", 0));
  TRY(parse_late(header, model));
  model.key = TRY(header.texts_or_none("key"));
  model.partition = TRY(header.texts_or_none("partition"));
  model.ttl_us = TRY(header.duration_us_or("ttl", 0));
  model.quality = TRY(header.text_or("quality", ""));
  model.description = TRY(header.text_or("description", ""));
  model.sql = std::move(parts.sql);
  model.sql_line = parts.sql_line;
  if (model.sql.empty())
    return header.fail_here("the model has no SELECT", "write one below the header");
  return model;
}

base::Result<std::vector<Model>> load_models(const base::Path& project) {
  std::vector<Model> models;
  for (const std::string_view layer : {"silver", "gold"}) {
    const base::Path folder = project / "models" / layer;
    for (const std::string& name : TRY(base::posix_file_system().list(folder))) {
      if (!name.ends_with(".sql")) continue;
      const std::string text =
          TRY(base::read_file(base::posix_file_system(), folder / name, 1UL << 20));
      models.push_back(TRY(parse_model(text, (folder / name).string())));
    }
  }
  std::sort(models.begin(), models.end(),
            [](const Model& a, const Model& b) { return a.table < b.table; });
  for (std::size_t i = 1; i < models.size(); ++i) {
    if (models[i].table != models[i - 1].table) continue;
    return std::unexpected(
        base::Error{.code = base::Code::kInvalid,
                    .message = fmt::format("{} is written by two models, the other is {}",
                                           models[i].table, models[i - 1].file),
                    .mend = "rename the table of one of them"}
            .at(models[i].file, 1));
  }
  return models;
}

}  // namespace runs
