#include "lake/state.h"

#include <algorithm>
#include <cctype>
#include <unordered_set>
#include <utility>

#include "lake/protocol.h"

namespace lake {
namespace {

using base::Code;
using base::Result;

Result<> take_schema(State& next) {
  const Metadata& metadata = *next.metadata;
  // Without the feature the property has no effect.
  next.mapping = has_feature(next.protocol, "columnMapping")
                     ? TRY(column_mapping(metadata.configuration))
                     : ColumnMapping::kNone;
  std::vector<SparkField> fields;
  if (!metadata.schema_string.empty()) {
    fields = TRY(parse_spark_schema(metadata.schema_string, next.mapping));
  }
  std::unordered_set<std::string> names;
  for (const SparkField& field : fields) {
    std::string name = field.name;
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    if (name.empty()) return base::fail(Code::kCorrupt, "a column has no name");
    if (names.insert(std::move(name)).second) continue;
    return base::fail(Code::kCorrupt, "two columns are named {}", field.name);
  }
  for (const std::string& column : metadata.partition_columns) {
    if (fields.empty() || std::ranges::find(fields, column, &SparkField::name) != fields.end()) {
      continue;
    }
    return base::fail(Code::kCorrupt, "the partition column {} is none of its columns", column);
  }
  next.schema_tag = schema_tag(fields);
  next.fields = std::make_shared<const std::vector<SparkField>>(std::move(fields));
  return {};
}

Result<> take_metadata(const Commit& commit, State& next) {
  if (commit.protocol) next.protocol = *commit.protocol;
  if (commit.metadata) next.metadata = std::make_shared<const Metadata>(*commit.metadata);
  if (!next.metadata) {
    return base::fail(Code::kCorrupt, "version {} has no metaData action", next.version);
  }
  if (next.version >= 0 && !commit.protocol && next.protocol.min_reader_version == 0) {
    return base::fail(Code::kCorrupt, "version {} has no protocol action", next.version);
  }
  if (!commit.protocol && !commit.metadata) return {};
  TRY(check_readable(next.protocol));
  return take_schema(next);
}

void count_file(State& state, const AddFile& file, int sign) {
  const std::int64_t rows = file.rows();  // without those that a deletion vector takes away
  if (rows < 0) {
    state.files_without_rows += sign;
  } else {
    state.rows += sign * rows;
  }
  state.bytes += sign * file.size;
}

Result<> take_files(const Commit& commit, State& next) {
  std::unordered_set<std::string_view> added;    // paths
  std::unordered_set<std::string_view> touched;  // paths
  std::unordered_set<std::string> keys;          // with the deletion vector
  for (const AddFile& file : commit.adds) {
    if (!added.insert(file.path).second) {
      return base::fail(Code::kCorrupt, "the file {} is there twice", file.path);
    }
    keys.insert(file_key(file));
  }
  touched = added;
  const std::unordered_set<std::string> added_keys = keys;
  for (const RemoveFile& file : commit.removes) {
    touched.insert(file.path);
    keys.insert(file_key(file));
  }
  // The removal of a file with another deletion vector leaves this one where it is.
  next.files.erase(
      touched,
      [&](const AddFile& file) {
        return added.contains(file.path) || keys.contains(file_key(file));
      },
      [&](const AddFile& file) { count_file(next, file, -1); });
  next.tombstones.erase(
      touched, [&](const RemoveFile& file) { return keys.contains(file_key(file)); },
      [](const RemoveFile&) {});

  std::vector<std::shared_ptr<const AddFile>> files;
  files.reserve(commit.adds.size());
  for (const AddFile& file : commit.adds) {
    count_file(next, file, 1);
    files.push_back(std::make_shared<const AddFile>(file));
  }
  next.files.append(std::move(files));

  std::vector<std::shared_ptr<const RemoveFile>> removed;
  for (const RemoveFile& file : commit.removes) {
    if (!added_keys.contains(file_key(file)))
      removed.push_back(std::make_shared<const RemoveFile>(file));
  }
  next.tombstones.append(std::move(removed));
  const std::int64_t keep_ms =
      interval_us(*next.metadata, "delta.deletedFileRetentionDuration", kTombstoneRetentionUs) /
      base::kUsPerMs;
  const std::int64_t oldest_ms = next.timestamp_us / base::kUsPerMs - keep_ms;
  next.tombstones.drop_front(
      [&](const RemoveFile& file) { return file.deletion_time_ms < oldest_ms; });
  return {};
}

}  // namespace

Result<State> with_metadata(const State& state, const Metadata& metadata) {
  State next = state;
  next.metadata = std::make_shared<const Metadata>(metadata);
  TRY(take_schema(next));
  return next;
}

Result<State> advance(const State& state, Version version, base::TimestampUs timestamp_us,
                      const Commit& commit) {
  State next = state;
  if (state.version < 0) next.protocol.min_reader_version = 0;  // none seen yet
  next.version = version;
  next.timestamp_us = std::max(
      timestamp_us, state.version < 0 ? timestamp_us : state.timestamp_us + base::kUsPerMs);
  TRY(take_metadata(commit, next));
  TRY(take_files(commit, next));
  if (!commit.transactions.empty() || !next.transactions) {
    auto all = next.transactions ? *next.transactions : std::map<std::string, AppTransaction>();
    for (const AppTransaction& one : commit.transactions) all[one.app_id] = one;
    next.transactions =
        std::make_shared<const std::map<std::string, AppTransaction>>(std::move(all));
  }
  return next;
}

const std::string& physical_name(const State& state, const std::string& column) {
  const auto it = std::ranges::find(*state.fields, column, &SparkField::name);
  return it == state.fields->end() ? column : it->physical_name;
}

std::int64_t interval_us(const Metadata& metadata, const std::string& key,
                         std::int64_t otherwise_us) {
  const auto it = metadata.configuration.find(key);
  if (it == metadata.configuration.end()) return otherwise_us;
  std::string_view text = it->second;
  if (text.starts_with("interval ")) text.remove_prefix(9);
  return base::parse_duration_us(text).value_or(otherwise_us);
}

}  // namespace lake
