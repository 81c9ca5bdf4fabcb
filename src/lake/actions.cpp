#include "lake/actions.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_set>
#include <utility>

#include "lake/deletion_vector.h"
#include "lake/fast_actions.h"
#include "lake/json_text.h"
#include "lake/spark_schema.h"
#include "lake/uri.h"

namespace lake {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

// The member, or null when it is absent: checkpoints write absent members as null.
const json& member(const json& object, const char* key) {
  static const json kNull;
  const auto it = object.find(key);
  return it == object.end() ? kNull : *it;
}

Result<std::string> text_at(const json& object, const char* key) {
  const json& value = member(object, key);
  if (!value.is_string()) {
    return base::fail(Code::kCorrupt, "\"{}\" is missing or no text", key);
  }
  return value.get<std::string>();
}

std::string text_or_empty(const json& object, const char* key) {
  const json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

constexpr std::int64_t kIntegerMax = std::numeric_limits<std::int64_t>::max();
// Larger numbers are nonsense, and sums of them would not fit.
constexpr std::int64_t kFileBytesMax = std::int64_t{1} << 46;
constexpr std::int64_t kFileRowsMax = std::int64_t{1} << 46;
constexpr std::int64_t kProtocolVersionMax = 1'000'000;

// A whole number within bounds; nothing otherwise.
std::optional<std::int64_t> integer_in(const json& value, std::int64_t least, std::int64_t most) {
  if (value.is_number_float()) {
    constexpr double kExact = 9007199254740992;  // 2^53
    const auto number = value.get<double>();
    if (!(std::abs(number) <= kExact) || std::trunc(number) != number) return std::nullopt;
  } else if (value.is_number_unsigned()) {
    if (std::cmp_greater(value.get<std::uint64_t>(), most)) return std::nullopt;
  } else if (!value.is_number_integer()) {
    return std::nullopt;
  }
  const auto number = value.get<std::int64_t>();
  return number < least || number > most ? std::nullopt : std::optional(number);
}

std::int64_t integer_or(const json& object, const char* key, std::int64_t otherwise) {
  return integer_in(member(object, key), -kIntegerMax, kIntegerMax).value_or(otherwise);
}

// `otherwise` only when the member is absent.
Result<std::int64_t> integer_at(const json& object, const char* key, std::int64_t otherwise,
                                std::int64_t least, std::int64_t most) {
  const json& value = member(object, key);
  if (value.is_null()) return otherwise;
  const auto number = integer_in(value, least, most);
  if (number) return *number;
  return base::fail(Code::kCorrupt, "\"{}\" is {}, not a whole number from {} to {}", key,
                    value.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 64), least,
                    most);
}

bool boolean_or(const json& object, const char* key, bool otherwise) {
  const json& value = member(object, key);
  return value.is_boolean() ? value.get<bool>() : otherwise;
}

std::map<std::string, std::string> text_map(const json& value) {
  std::map<std::string, std::string> result;
  if (!value.is_object()) return result;
  for (const auto& [key, text] : value.items()) {
    if (text.is_string()) result[key] = text.get<std::string>();
  }
  return result;
}

PartitionValues partition_map(const json& value) {
  PartitionValues result;
  if (!value.is_object()) return result;
  for (const auto& [key, text] : value.items()) {
    const bool null = !text.is_string() || text.get_ref<const std::string&>().empty();
    result[key] = null ? std::nullopt : std::optional(text.get<std::string>());
  }
  return result;
}

std::vector<std::string> text_list(const json& value) {
  std::vector<std::string> result;
  if (!value.is_array()) return result;
  for (const json& text : value) {
    if (text.is_string()) result.push_back(text.get<std::string>());
  }
  return result;
}

Result<AddFile> parse_add(const json& action) {
  AddFile add;
  add.path = TRY(decode_path(TRY(text_at(action, "path"))));
  add.partition_values = partition_map(member(action, "partitionValues"));
  add.size = TRY(integer_at(action, "size", 0, 0, kFileBytesMax));
  add.modification_time_ms = integer_or(action, "modificationTime", 0);
  add.data_change = boolean_or(action, "dataChange", true);
  add.stats = text_or_empty(action, "stats");
  if (add.stats.empty() && member(action, "stats_parsed").is_object()) {
    add.stats = action["stats_parsed"].dump();
  }
  add.tags = text_map(member(action, "tags"));
  if (const json& vector = member(action, "deletionVector"); vector.is_object()) {
    add.deletion_vector = vector.dump();
  }
  return add;
}

Result<RemoveFile> parse_remove(const json& action) {
  RemoveFile remove;
  remove.path = TRY(decode_path(TRY(text_at(action, "path"))));
  remove.deletion_time_ms = integer_or(action, "deletionTimestamp", 0);
  remove.data_change = boolean_or(action, "dataChange", true);
  if (member(action, "partitionValues").is_object()) {
    remove.partition_values = partition_map(action["partitionValues"]);
  }
  remove.size = TRY(integer_at(action, "size", 0, 0, kFileBytesMax));
  if (const json& vector = member(action, "deletionVector"); vector.is_object()) {
    remove.deletion_vector = vector.dump();
  }
  return remove;
}

Result<Metadata> parse_metadata(const json& action) {
  Metadata metadata;
  metadata.id = TRY(text_at(action, "id"));
  metadata.name = text_or_empty(action, "name");
  metadata.description = text_or_empty(action, "description");
  metadata.created_time_ms = integer_or(action, "createdTime", 0);
  metadata.partition_columns = text_list(member(action, "partitionColumns"));
  metadata.configuration = text_map(member(action, "configuration"));
  metadata.schema_string = text_or_empty(action, "schemaString");
  const std::string provider = text_or_empty(member(action, "format"), "provider");
  if (!provider.empty() && provider != "parquet") {
    return base::fail(Code::kUnsupported, "the table's files are {}, not parquet", provider);
  }
  if (metadata.schema_string.empty()) return metadata;
  metadata.schema = to_schema(TRY(parse_spark_schema(metadata.schema_string)));
  return metadata;
}

Result<Protocol> parse_protocol(const json& action) {
  const auto reader = TRY(integer_at(action, "minReaderVersion", 0, 0, kProtocolVersionMax));
  const auto writer = TRY(integer_at(action, "minWriterVersion", 0, 0, kProtocolVersionMax));
  return Protocol{.min_reader_version = static_cast<int>(reader),
                  .min_writer_version = static_cast<int>(writer),
                  .reader_features = text_list(member(action, "readerFeatures")),
                  .writer_features = text_list(member(action, "writerFeatures"))};
}

json print_map(const PartitionValues& values) {
  json result = json::object();
  for (const auto& [key, value] : values) result[key] = value ? json(*value) : json();
  return result;
}

json print_add(const AddFile& add) {
  json action = {{"path", encode_path(add.path)},
                 {"partitionValues", print_map(add.partition_values)},
                 {"size", add.size},
                 {"modificationTime", add.modification_time_ms},
                 {"dataChange", add.data_change}};
  if (!add.stats.empty()) action["stats"] = add.stats;
  if (!add.tags.empty()) action["tags"] = add.tags;
  if (!add.deletion_vector.empty()) action["deletionVector"] = json::parse(add.deletion_vector);
  return action;
}

json print_remove(const RemoveFile& remove) {
  json action = {{"path", encode_path(remove.path)},
                 {"deletionTimestamp", remove.deletion_time_ms},
                 {"dataChange", remove.data_change}};
  if (remove.partition_values) {
    action["extendedFileMetadata"] = true;
    action["partitionValues"] = print_map(*remove.partition_values);
    action["size"] = remove.size;
  }
  if (!remove.deletion_vector.empty()) {
    action["deletionVector"] = json::parse(remove.deletion_vector);
  }
  return action;
}

json print_metadata(const Metadata& metadata) {
  json action = {{"id", metadata.id},
                 {"format", {{"provider", "parquet"}, {"options", json::object()}}},
                 {"schemaString", metadata.schema_string},
                 {"partitionColumns", metadata.partition_columns},
                 {"configuration", metadata.configuration},
                 {"createdTime", metadata.created_time_ms}};
  if (!metadata.name.empty()) action["name"] = metadata.name;
  if (!metadata.description.empty()) action["description"] = metadata.description;
  return action;
}

json print_protocol(const Protocol& protocol) {
  json action = {{"minReaderVersion", protocol.min_reader_version},
                 {"minWriterVersion", protocol.min_writer_version}};
  if (protocol.min_reader_version >= 3) action["readerFeatures"] = protocol.reader_features;
  if (protocol.min_writer_version >= 7) action["writerFeatures"] = protocol.writer_features;
  return action;
}

void print_line(std::string& out, const char* kind, json action) {
  json line = json::object();
  line[kind] = std::move(action);
  out += line.dump(-1, ' ', false, json::error_handler_t::replace);
  out += '\n';
}

Result<> parse_one(const std::string& kind, const json& body, Commit& into) {
  if (kind == "add") {
    into.adds.push_back(TRY(parse_add(body)));
  } else if (kind == "remove") {
    into.removes.push_back(TRY(parse_remove(body)));
  } else if (kind == "txn") {
    into.transactions.push_back(
        {.app_id = TRY(text_at(body, "appId")),
         .version = TRY(integer_at(body, "version", 0, -kIntegerMax, kIntegerMax)),
         .last_updated_ms = integer_or(body, "lastUpdated", 0)});
  } else if (kind == "metaData") {
    if (into.metadata) return base::fail(Code::kCorrupt, "there are two metaData actions");
    into.metadata = TRY(parse_metadata(body));
  } else if (kind == "protocol") {
    if (into.protocol) return base::fail(Code::kCorrupt, "there are two protocol actions");
    into.protocol = TRY(parse_protocol(body));
  } else if (kind == "cdc") {
    into.changes.push_back({.path = TRY(decode_path(TRY(text_at(body, "path")))),
                            .partition_values = partition_map(member(body, "partitionValues")),
                            .size = TRY(integer_at(body, "size", 0, 0, kFileBytesMax))});
  } else if (kind == "sidecar") {
    // They lie in one folder, whatever the path says of it.
    const std::string path = TRY(decode_path(TRY(text_at(body, "path"))));
    into.sidecars.push_back(path.substr(path.rfind('/') + 1));
  } else if (kind == "commitInfo") {
    into.info = body;
  }
  return {};
}

}  // namespace

namespace {

std::int64_t stored_rows(const std::string& stats) {
  // Writers put numRecords first; a column may have that name, so elsewhere it needs a real parse.
  constexpr std::string_view kStart = "{\"numRecords\":";
  if (stats.starts_with(kStart)) {
    std::int64_t count = -1;
    const auto [end, error] =
        std::from_chars(stats.data() + kStart.size(), stats.data() + stats.size(), count);
    const bool whole = end != stats.data() + stats.size() && (*end == ',' || *end == '}');
    if (error == std::errc{} && whole) return count >= 0 && count <= kFileRowsMax ? count : -1;
  }
  const json parsed = parse_json(stats);
  if (!parsed.is_object()) return -1;
  return integer_in(member(parsed, "numRecords"), 0, kFileRowsMax).value_or(-1);
}

}  // namespace

std::int64_t AddFile::rows() const {
  const std::int64_t rows = stored_rows(stats);
  const std::int64_t gone = deletion_vector_cardinality(deletion_vector);
  return gone < 0 || gone > rows ? -1 : rows - gone;
}

std::string file_key(const AddFile& file) {
  return file.deletion_vector.empty() ? file.path
                                      : file.path + '\n' + deletion_vector_id(file.deletion_vector);
}

std::string file_key(const RemoveFile& file) {
  return file.deletion_vector.empty() ? file.path
                                      : file.path + '\n' + deletion_vector_id(file.deletion_vector);
}

// What a legacy version stands for is in "Table Features", "Legacy".
bool has_feature(const Protocol& protocol, std::string_view feature) {
  if (protocol.min_writer_version >= 7) {
    return std::ranges::find(protocol.writer_features, feature) != protocol.writer_features.end();
  }
  struct Legacy {
    std::string_view name;
    int from;
  };
  constexpr std::array kLegacy{Legacy{"appendOnly", 2},       Legacy{"invariants", 2},
                               Legacy{"checkConstraints", 3}, Legacy{"changeDataFeed", 4},
                               Legacy{"generatedColumns", 4}, Legacy{"columnMapping", 5},
                               Legacy{"identityColumns", 6}};
  return std::ranges::any_of(kLegacy, [&](const Legacy& legacy) {
    return legacy.name == feature && protocol.min_writer_version >= legacy.from;
  });
}

Result<> parse_action(const json& action, Commit& into) {
  if (!action.is_object()) return base::fail(Code::kCorrupt, "an action is no JSON object");
  for (const auto& [kind, body] : action.items()) {
    if (body.is_null()) continue;  // the other kinds of a checkpoint's row
    auto parsed = body.is_object() ? parse_one(kind, body, into)
                                   : base::fail(Code::kCorrupt, "it is no JSON object");
    if (!parsed) return std::unexpected(std::move(parsed).error().in(kind));
  }
  return {};
}

namespace {

// One version adds a file once, or takes it away.
Result<> check_files(const Commit& commit) {
  std::unordered_set<std::string_view> added;
  for (const AddFile& add : commit.adds) {
    if (added.insert(add.path).second) continue;
    return base::fail(Code::kCorrupt, "the file {} is added twice", add.path);
  }
  std::unordered_set<std::string> keys;
  for (const RemoveFile& remove : commit.removes) {
    if (added.contains(remove.path)) keys.insert(file_key(remove));
  }
  if (keys.empty()) return {};
  for (const AddFile& add : commit.adds) {
    if (!keys.contains(file_key(add))) continue;
    return base::fail(Code::kCorrupt, "the file {} is added and removed at once", add.path);
  }
  return {};
}

}  // namespace

Result<Commit> parse_commit(std::string_view text) {
  Commit commit;
  int line = 0;
  bool anything = false;
  FastActions fast;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++line;
    if (one.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    anything = true;
    if (fast.take(one, commit)) continue;
    const json action = parse_json(one);
    if (action.is_discarded()) return base::fail(Code::kCorrupt, "line {} is no JSON", line);
    auto parsed = parse_action(action, commit);
    if (!parsed) {
      return std::unexpected(std::move(parsed).error().in(fmt::format("line {}", line)));
    }
  }
  if (!anything) return base::fail(Code::kCorrupt, "it has no actions");
  TRY(check_files(commit));
  return commit;
}

void print_action(std::string& out, const Protocol& protocol) {
  print_line(out, "protocol", print_protocol(protocol));
}

void print_action(std::string& out, const Metadata& metadata) {
  print_line(out, "metaData", print_metadata(metadata));
}

void print_action(std::string& out, const AppTransaction& transaction) {
  json action = {{"appId", transaction.app_id}, {"version", transaction.version}};
  if (transaction.last_updated_ms != 0) action["lastUpdated"] = transaction.last_updated_ms;
  print_line(out, "txn", std::move(action));
}

void print_action(std::string& out, const AddFile& file) {
  print_line(out, "add", print_add(file));
}

void print_action(std::string& out, const RemoveFile& file) {
  print_line(out, "remove", print_remove(file));
}

void print_action(std::string& out, const ChangeFile& file) {
  print_line(out, "cdc",
             {{"path", encode_path(file.path)},
              {"partitionValues", print_map(file.partition_values)},
              {"size", file.size},
              {"dataChange", false}});
}

std::string print_commit(const Commit& commit) {
  std::string out;
  if (!commit.info.is_null()) print_line(out, "commitInfo", commit.info);
  if (commit.protocol) print_action(out, *commit.protocol);
  if (commit.metadata) print_action(out, *commit.metadata);
  for (const AppTransaction& transaction : commit.transactions) print_action(out, transaction);
  for (const RemoveFile& file : commit.removes) print_action(out, file);
  for (const AddFile& file : commit.adds) print_action(out, file);
  for (const ChangeFile& file : commit.changes) print_action(out, file);
  return out;
}

}  // namespace lake
