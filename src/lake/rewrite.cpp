#include "lake/rewrite.h"

#include <algorithm>
#include <map>

#include "base/check.h"
#include "lake/filter_file.h"

namespace lake {
namespace {

using base::Code;
using base::Result;

constexpr const char* kTouchedFile = "__waybill_touched_file";
constexpr const char* kTouchedRow = "__waybill_touched_row";
constexpr const char* kAction = "__waybill_action";
constexpr const char* kTouchedSource = "__waybill_touched_source";

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

// Statistics bound the rows from before the vector took some away.
std::string loosen(const std::string& stats) {
  auto parsed = nlohmann::ordered_json::parse(stats, nullptr, false);
  if (!parsed.is_object()) return stats;
  parsed["tightBounds"] = false;
  return parsed.dump();
}

}  // namespace

Rewrite::Rewrite(Change& change, const Files& files)
    : change_(change), scan_(change.base().scan_numbered_sql(files)) {}

std::string Rewrite::place() {
  return fmt::format("target.{} AS {}, target.{} AS {}", kFileColumn, kTouchedFile, kRowColumn,
                     kTouchedRow);
}

std::string Rewrite::same_place() {
  return fmt::format("touched.{} = target.{} AND touched.{} = target.{}", kTouchedFile, kFileColumn,
                     kTouchedRow, kRowColumn);
}

Result<> Rewrite::touch(const std::string& select) {
  touched_ = TRY(change_.keep(fmt::format("SELECT * FROM ({}) AS found({}, {}, {}, {})", select,
                                          kTouchedFile, kTouchedRow, kAction, kTouchedSource)));
  return {};
}

Result<> Rewrite::touch_more(const std::string& select) {
  return change_.connection().execute(fmt::format("INSERT INTO {} {}", touched_, select));
}

Result<std::vector<Rewrite::Counted>> Rewrite::count(const std::vector<RowAction>& actions) {
  const auto rows = TRY(change_.connection().query(
      fmt::format("SELECT {0}, {1}, count(*) FROM {2} WHERE {1} > 0 GROUP BY ALL ORDER BY ALL",
                  kTouchedFile, kAction, touched_)));
  std::map<std::int64_t, Counted> files;
  for (std::size_t row = 0; row < rows->rows(); ++row) {
    const std::int64_t index = rows->int_at(0, row);
    const RowAction& action = actions.at(static_cast<std::size_t>(rows->int_at(1, row) - 1));
    const std::int64_t many = rows->int_at(2, row);
    Counted& file = files[index];
    file.index = index;
    file.file = scan_.files.at(static_cast<std::size_t>(index));
    file.touched += many;
    if (action.deletes) file.deleted += many;
    (action.deletes ? change_.counts().rows_deleted : change_.counts().rows_updated) += many;
  }
  std::vector<Counted> counted;
  for (auto& [index, file] : files) counted.push_back(std::move(file));
  return counted;
}

std::string Rewrite::delete_list(const std::vector<RowAction>& actions) const {
  std::string list = "-1";
  for (std::size_t i = 0; i < actions.size(); ++i) {
    if (actions[i].deletes) list += fmt::format(", {}", i + 1);
  }
  return list;
}

std::string Rewrite::column_names() const {
  std::vector<std::string> names;
  for (const SparkField& field : *change_.state().fields) {
    names.push_back(sql::quote_name(field.name));
  }
  return join(names, ", ");
}

// The rows of these files, which are counted as in `touched_`.
std::string Rewrite::target_of(const std::vector<Counted>& files) const {
  Files some;
  for (const Counted& one : files) some.push_back(one.file);
  // Fewer files are counted anew: what was touched is told in their count.
  const NumberedScan scan = change_.base().scan_numbered_sql(some);
  std::map<const AddFile*, std::size_t> place;
  for (std::size_t i = 0; i < scan.files.size(); ++i) place[scan.files[i].get()] = i;
  std::string pairs;
  bool same = true;
  for (const Counted& one : files) {
    const std::size_t now = place.at(one.file.get());
    same = same && std::cmp_equal(one.index, now);
    pairs += fmt::format("{}({}, {})", pairs.empty() ? "" : ", ", one.index, now);
  }
  if (same) return "(" + scan.sql + ") AS target";
  return fmt::format(
      "(SELECT rows.* REPLACE (counts.before AS {0}) FROM ({1}) AS rows JOIN (VALUES {2}) AS "
      "counts(before, now) ON rows.{0} = counts.now) AS target",
      kFileColumn, scan.sql, pairs);
}

// The touched rows of these files.
std::string Rewrite::touched_in(const std::vector<Counted>& files) const {
  std::vector<std::int64_t> indices;
  for (const Counted& one : files) indices.push_back(one.index);
  return fmt::format("(SELECT * FROM {} WHERE {} > 0 AND {} IN ({})) AS touched", touched_, kAction,
                     kTouchedFile, fmt::join(indices, ", "));
}

std::string Rewrite::joined(const std::string& target, const std::string& kind,
                            const std::string& touched, const std::string& source) const {
  std::string from = fmt::format("{} {} JOIN {} ON {}", target, kind, touched, same_place());
  if (!source.empty()) {
    from += fmt::format(" LEFT JOIN {} AS source ON source.{} = touched.{}", source, kSourceColumn,
                        kTouchedSource);
  }
  return from;
}

// `all_touched`: there are no rows that keep their values.
std::string Rewrite::changed_values(const std::vector<RowAction>& actions, bool all_touched) const {
  std::vector<std::string> columns;
  const auto& fields = *change_.state().fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string name = sql::quote_name(fields[i].name);
    std::string value;
    for (std::size_t action = 0; action < actions.size(); ++action) {
      if (actions[action].deletes) continue;
      value += fmt::format(" WHEN {} THEN CAST(({}) AS {})", action + 1,
                           actions[action].values.at(i), fields[i].sql_type);
    }
    if (value.empty()) {
      columns.push_back(fmt::format("target.{0} AS {0}", name));
    } else {
      columns.push_back(fmt::format("CASE touched.{}{} ELSE {} END AS {}", kAction, value,
                                    all_touched ? "NULL" : "target." + name, name));
    }
  }
  return join(columns, ", ");
}

// What stays in the touched files, with or without the rows that have new values.
std::string Rewrite::kept_rows(const std::vector<Counted>& files,
                               const std::vector<RowAction>& actions, const std::string& source,
                               bool with_updates) const {
  std::vector<Counted> some;
  for (const Counted& one : files) {
    if (one.deleted != one.file->rows()) some.push_back(one);
  }
  if (some.empty()) return "";
  const std::string target = target_of(some);
  if (!with_updates) {
    return fmt::format("SELECT {} FROM {} ANTI JOIN {} ON {}", column_names(), target,
                       touched_in(some), same_place());
  }
  return fmt::format("SELECT {} FROM {} WHERE coalesce(touched.{}, 0) NOT IN ({})",
                     changed_values(actions, /*all_touched=*/false),
                     joined(target, "LEFT", touched_in(some), source), kAction,
                     delete_list(actions));
}

// The new values of these files' touched rows.
std::string Rewrite::updated_rows(const std::vector<Counted>& files,
                                  const std::vector<RowAction>& actions,
                                  const std::string& source) const {
  const bool updates =
      std::ranges::any_of(files, [](const Counted& one) { return one.touched > one.deleted; });
  if (!updates) return "";
  const bool only_source = !source.empty() && std::ranges::all_of(actions, [](const auto& one) {
    return one.deletes || one.only_source;
  });
  const std::string touched = touched_in(files);
  const std::string from = only_source
                               ? fmt::format("{} JOIN {} AS source ON source.{} = touched.{}",
                                             touched, source, kSourceColumn, kTouchedSource)
                               : joined(target_of(files), "INNER", touched, source);
  return fmt::format("SELECT {} FROM {} WHERE touched.{} NOT IN ({})",
                     changed_values(actions, /*all_touched=*/true), from, kAction,
                     delete_list(actions));
}

// Numbers of the file's rows that are gone then, with those that its deletion vector took away.
Result<DeletedRows> Rewrite::rows_of(const Counted& file) {
  const auto rows = TRY(change_.connection().query(
      fmt::format("SELECT {} FROM {} WHERE {} > 0 AND {} = {} ORDER BY ALL", kTouchedRow, touched_,
                  kAction, kTouchedFile, file.index)));
  DeletedRows gone;
  if (!file.file->deletion_vector.empty()) {
    gone = *TRY(change_.table().source().deletion_vectors->read(*file.file));
  }
  gone.reserve(gone.size() + rows->rows());
  for (std::size_t row = 0; row < rows->rows(); ++row) {
    gone.push_back(static_cast<std::uint64_t>(rows->int_at(0, row)));
  }
  std::ranges::sort(gone);
  return gone;
}

void Rewrite::add_folded(std::vector<Counted>& files) const {
  for (const auto& file : folded_) {
    if (std::ranges::find(files, file, &Counted::file) != files.end()) continue;
    const auto at = std::ranges::find(scan_.files, file);
    CHECK(at != scan_.files.end(), "a folded file is none of the change: {}", file->path);
    files.push_back({.file = file, .index = at - scan_.files.begin()});
  }
}

// Takes the touched rows out of the large files.
Result<> Rewrite::filter(std::vector<Counted>& files) {
  const std::int64_t small_bytes = small_file_bytes(*change_.state().metadata);
  for (Counted& one : files) {
    if (one.file->size < small_bytes || one.touched == one.file->rows()) continue;
    const auto filtered = TRY(filter_file(change_, *one.file, TRY(rows_of(one))));
    if (!filtered) continue;
    one.filtered = true;
    if (filtered->rows() != 0) {
      change_.add_staged(*filtered);
    } else {
      TRY(change_.table().store().remove(change_.table().path() + "/" + filtered->path));
    }
  }
  return {};
}

Result<> Rewrite::write_vectors(const std::vector<Counted>& files) {
  for (const Counted& one : files) {
    change_.remove(*one.file);
    if (one.touched == one.file->rows()) continue;  // nothing of it is left
    const DeletedRows gone = TRY(rows_of(one));
    AddFile file = *one.file;
    auto& vectors = *change_.table().source().deletion_vectors;
    file.deletion_vector = TRY(vectors.write(gone));
    file.data_change = true;
    file.stats = loosen(file.stats);
    change_.staged(TRY(vectors.key_of(file.deletion_vector)));
    change_.add(std::move(file));
  }
  return {};
}

// The changed rows as files of the change data feed; a table of the new ones.
Result<std::string> Rewrite::feed_changes(const std::vector<Counted>& files,
                                          const std::vector<RowAction>& actions,
                                          const std::string& source, const std::string& inserts) {
  const std::string names = column_names();
  const std::string deletes = delete_list(actions);
  std::vector<std::string> parts;
  parts.push_back(fmt::format(
      "SELECT {}, CASE WHEN touched.{} IN ({}) THEN 'delete' ELSE 'update_preimage' END AS "
      "_change_type FROM {}",
      names, kAction, deletes, joined(target_of(files), "INNER", touched_in(files), "")));
  if (const std::string updates = updated_rows(files, actions, source); !updates.empty()) {
    parts.push_back("SELECT *, 'update_postimage' AS _change_type FROM (" + updates + ")");
  }
  if (!inserts.empty()) {
    parts.push_back(fmt::format("SELECT {}, 'insert' AS _change_type FROM ({})", names, inserts));
  }
  const std::string changes = TRY(change_.keep(join(parts, " UNION ALL ")));
  TRY(change_.stage_changes("FROM " + changes));
  return fmt::format("SELECT {} FROM {} WHERE _change_type IN ('insert', 'update_postimage')",
                     names, changes);
}

Result<> Rewrite::stage_new(const std::vector<std::string>& selects) {
  std::vector<std::string> parts;
  for (const std::string& select : selects) {
    if (!select.empty()) parts.push_back("SELECT " + column_names() + " FROM (" + select + ")");
  }
  if (!parts.empty()) TRY(change_.stage(join(parts, " UNION ALL ")));
  return {};
}

Result<> Rewrite::apply(const std::vector<RowAction>& actions, const std::string& source,
                        const std::string& inserts) {
  std::vector<Counted> files = TRY(count(actions));
  const bool counted =
      std::ranges::all_of(files, [](const Counted& one) { return one.file->rows() >= 0; });
  const bool vectors = change_.writes_vectors() && counted;
  // Readers of the feed see removed files and added rows by themselves.
  const bool feeds = change_.feeds_changes() && std::ranges::any_of(files, [](const Counted& one) {
                       return one.deleted != one.file->rows();
                     });
  std::string fresh;  // new values of touched rows, and inserts, where they are told apart
  if (feeds) fresh = TRY(feed_changes(files, actions, source, inserts));
  if (vectors) {
    TRY(write_vectors(files));
    if (feeds) return stage_new({fresh});
    return stage_new({updated_rows(files, actions, source), inserts});
  }
  add_folded(files);
  TRY(filter(files));
  for (const Counted& one : files) change_.remove(*one.file);
  std::vector<Counted> filtered;
  std::vector<Counted> small;
  for (const Counted& one : files) (one.filtered ? filtered : small).push_back(one);
  const std::string kept = kept_rows(small, actions, source, /*with_updates=*/!feeds);
  if (feeds) return stage_new({kept, fresh});
  return stage_new({kept, updated_rows(filtered, actions, source), inserts});
}

}  // namespace lake
