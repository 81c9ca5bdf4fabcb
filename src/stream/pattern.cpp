#include "stream/pattern.h"

#include <algorithm>
#include <regex>

#include "base/yaml.h"

namespace stream {
namespace {

constexpr std::size_t kFileBytesMax = 1UL << 20;
constexpr std::int64_t kWithinMaxUs = 400 * base::kUsPerDay;
constexpr std::int64_t kRowsMax = 1'000'000;
constexpr const char* kOwnColumns[] = {"match_id",   "match_start", "match_end",
                                       "match_time", "timed_out",   "match_row",
                                       "match_step", "_partition",  "_offset"};

base::Result<PatternSql> sql_of(const base::Yaml& yaml) {
  return PatternSql{.text = TRY(yaml.scalar()), .file = yaml.file(), .line = yaml.line()};
}

base::Result<> read_tree(const base::Yaml& yaml, Pattern& pattern) {
  const base::Yaml text = TRY(yaml.child("pattern"));
  auto tree = parse_pattern(TRY(text.scalar()));
  if (!tree) return std::unexpected(std::move(tree).error().at(text.file(), text.line()));
  pattern.tree = *std::move(tree);
  auto program = compile_pattern(pattern.tree);
  if (!program) return std::unexpected(std::move(program).error().at(text.file(), text.line()));
  pattern.program = *std::move(program);
  return {};
}

base::Result<> read_conditions(const base::Yaml& yaml, Pattern& pattern) {
  const std::vector<std::string>& steps = pattern.tree.steps;
  pattern.conditions.resize(steps.size());
  std::vector<std::pair<std::string, base::Yaml>> entries;
  if (yaml.has("define")) entries = TRY(yaml.child("define")).entries();
  for (const auto& [name, condition] : entries) {
    const auto found = std::find(steps.begin(), steps.end(), name);
    if (found == steps.end())
      return condition.fail_here(fmt::format("step '{}' is not in the pattern", name),
                                 fmt::format("its steps are {}", fmt::join(steps, ", ")));
    pattern.conditions[static_cast<std::size_t>(found - steps.begin())] = TRY(sql_of(condition));
  }
  for (std::size_t step = 0; step < steps.size(); ++step) {
    if (pattern.conditions[step] || pattern.tree.mapped[step]) continue;
    return TRY(yaml.child("pattern"))
        .fail_here(fmt::format("step '{}' stands behind 'not' and has no condition", steps[step]),
                   "define it: without a condition every row would be one");
  }
  return {};
}

base::Result<> read_measures(const base::Yaml& yaml, Pattern& pattern) {
  if (!yaml.has("measures")) return {};
  static const std::regex kName("[a-z][a-z0-9_]*");
  for (const auto& [name, measure] : TRY(yaml.child("measures")).entries()) {
    const bool own =
        std::find(std::begin(kOwnColumns), std::end(kOwnColumns), name) != std::end(kOwnColumns);
    const bool is_key =
        std::find(pattern.key.begin(), pattern.key.end(), name) != pattern.key.end();
    if (own || is_key || !std::regex_match(name, kName))
      return measure.fail_here(
          fmt::format("a measure cannot be called '{}'", name),
          own || is_key ? "each match has that column already" : "use small letters, digits and _");
    pattern.measures.push_back({name, TRY(sql_of(measure))});
  }
  return {};
}

base::Result<> read_skip(const base::Yaml& yaml, Pattern& pattern) {
  using Skip = PatternRules::Skip;
  const std::string text = TRY(yaml.text_or("after_match", "past last row"));
  if (text == "past last row") return {};
  if (text == "to next row") {
    pattern.skip = Skip::kToNextRow;
    return {};
  }
  static const std::regex kTo("to (first|last) ([A-Za-z_][A-Za-z0-9_]*)");
  std::smatch match;
  const base::Yaml node = TRY(yaml.child("after_match"));
  if (!std::regex_match(text, match, kTo)) {
    return node.fail_here(
        fmt::format("unknown after_match '{}'", text),
        "write 'past last row', 'to next row', 'to first STEP' or 'to last STEP'");
  }
  pattern.skip = match[1] == "first" ? Skip::kToFirst : Skip::kToLast;
  const std::vector<std::string>& steps = pattern.tree.steps;
  const auto found = std::find(steps.begin(), steps.end(), match[2].str());
  const auto step = static_cast<std::size_t>(found - steps.begin());
  if (found == steps.end() || !pattern.tree.mapped[step])
    return node.fail_here(fmt::format("no row is ever '{}'", match[2].str()),
                          fmt::format("name one of {}", fmt::join(steps, ", ")));
  pattern.skip_step = static_cast<int>(step);
  return {};
}

base::Result<> read_output(const base::Yaml& yaml, Pattern& pattern) {
  const std::string rows = TRY(yaml.text_or("rows", "one per match"));
  if (rows != "one per match" && rows != "all")
    return TRY(yaml.child("rows"))
        .fail_here(fmt::format("unknown rows '{}'", rows), "write 'one per match' or 'all'");
  pattern.all_rows = rows == "all";
  const std::string emit = TRY(yaml.text_or("emit", "matches"));
  if (emit != "matches" && emit != "timeouts" && emit != "both")
    return TRY(yaml.child("emit"))
        .fail_here(fmt::format("unknown emit '{}'", emit), "write 'matches', 'timeouts' or 'both'");
  pattern.matches = emit != "timeouts";
  pattern.timeouts = emit != "matches";
  const std::int64_t most = TRY(yaml.integer_or("rows_max", 10'000));
  if (most < 1 || most > kRowsMax)
    return TRY(yaml.child("rows_max"))
        .fail_here(fmt::format("rows_max goes from 1 to {}", kRowsMax), "");
  pattern.rows_max = static_cast<std::size_t>(most);
  return {};
}

base::Result<> read_times(const base::Yaml& yaml, Pattern& pattern) {
  pattern.time = TRY(yaml.text("time"));
  pattern.watermark_us = TRY(yaml.duration_us_or("watermark", 0));
  if (pattern.watermark_us <= 0) {
    return yaml.fail_here("a pattern needs a 'watermark'",
                          "add 'watermark: 2 minutes' (how late rows may come)");
  }
  pattern.within_us = TRY(yaml.duration_us_or("within", 0));
  if (pattern.within_us == 0) {
    // 'a not b within 2 hours' says itself how long it takes.
    pattern.within_us = std::max<std::int64_t>(longest_us(pattern.tree), 0);
  }
  if (pattern.within_us <= 0 || pattern.within_us > kWithinMaxUs) {
    return yaml.fail_here(yaml.has("within")
                              ? "'within' goes from 1 microsecond to 400 days"
                              : "without 'within' a begun match would be kept for ever",
                          "add 'within: 4 hours' (from the first row of a match to its end)");
  }
  return {};
}

}  // namespace

base::Result<Pattern> parse_pattern_file(const std::string& text, const std::string& file) {
  const base::Yaml yaml = TRY(base::Yaml::parse(text, file));
  TRY(yaml.only({"table", "version", "source", "key", "time", "watermark", "within", "where",
                 "pattern", "define", "measures", "after_match", "rows", "emit", "rows_max",
                 "partition", "description"}));
  Pattern pattern;
  pattern.table = TRY(yaml.text("table"));
  static const std::regex kName("(silver|gold)\\.[a-z][a-z0-9_]*");
  if (!std::regex_match(pattern.table, kName))
    return TRY(yaml.child("table"))
        .fail_here(fmt::format("'{}' is no table for a pattern", pattern.table),
                   "write silver.NAME or gold.NAME in small letters, digits and _");
  pattern.source = TRY(yaml.text("source"));
  pattern.key = TRY(yaml.texts_or_none("key"));
  if (pattern.key.empty())
    return yaml.fail_here("a pattern needs a 'key'",
                          "add 'key: [truck_id]': each key's rows are a sequence of their own");
  if (yaml.has("where")) pattern.where = TRY(sql_of(TRY(yaml.child("where"))));
  TRY(read_tree(yaml, pattern));
  TRY(read_times(yaml, pattern));
  TRY(read_conditions(yaml, pattern));
  TRY(read_measures(yaml, pattern));
  TRY(read_skip(yaml, pattern));
  TRY(read_output(yaml, pattern));
  return pattern;
}

base::Result<runs::Model> pattern_model(const std::string& text, const std::string& file) {
  const Pattern pattern = TRY(parse_pattern_file(text, file));
  const base::Yaml yaml = TRY(base::Yaml::parse(text, file));
  runs::Model model;
  model.table = pattern.table;
  model.version = static_cast<int>(TRY(yaml.integer_or("version", 1)));
  model.time = pattern.time;
  model.watermark_us = pattern.watermark_us;
  model.key = {"match_id"};
  if (pattern.all_rows) model.key.push_back("match_row");
  model.partition = TRY(yaml.texts_or_none("partition"));
  model.description = TRY(yaml.text_or("description", ""));
  model.pattern = text;
  model.sql = text;
  model.file = file;
  return model;
}

base::Result<std::vector<runs::Model>> load_patterns(const base::Path& project) {
  std::vector<runs::Model> models;
  const base::Path folder = project / "patterns";
  for (const std::string& name : TRY(base::posix_file_system().list(folder))) {
    if (!name.ends_with(".yaml")) continue;
    const std::string text =
        TRY(base::read_file(base::posix_file_system(), folder / name, kFileBytesMax));
    models.push_back(TRY(pattern_model(text, (folder / name).string())));
  }
  return models;
}

}  // namespace stream
