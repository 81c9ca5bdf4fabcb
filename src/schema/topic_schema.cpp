#include "schema/topic_schema.h"

#include <algorithm>
#include <cctype>

#include "base/crc32c.h"
#include "schema/record_plan.h"
#include "schema/wire_decoder.h"

namespace schema {
namespace {

using base::Yaml;

constexpr std::int64_t kPartitionsMax = 1024;
constexpr std::size_t kTopicNameMax = 200;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// Topics become table names, so they are simpler than Kafka allows.
bool is_topic_name(std::string_view name) {
  return !name.empty() && name.size() <= kTopicNameMax &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_letter(c) || is_digit(c) || c == '-'; });
}

bool is_field_name(std::string_view name) {
  return !name.empty() && is_letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

std::string names_of(const columns::Schema& fields) {
  std::vector<std::string_view> names;
  for (const columns::Field& field : fields.fields) names.push_back(field.name);
  return fmt::format("the schema's fields are {}", fmt::join(names, ", "));
}

// "string not null"
base::Result<columns::Field> parse_field(const std::string& name, const Yaml& yaml) {
  columns::Field field{.name = name};
  std::string text = TRY(yaml.scalar());
  while (text.ends_with(' ')) text.pop_back();
  constexpr std::string_view kNotNull = " not null";
  if (lower(text).ends_with(kNotNull)) {
    field.nullable = false;
    text.resize(text.size() - kNotNull.size());
    while (text.ends_with(' ')) text.pop_back();
  }
  const auto type = columns::parse_type(text);
  if (!type)
    return yaml.fail_here(fmt::format("field '{}': {}", name, type.error().message),
                          type.error().mend);
  field.type = *type;
  return field;
}

base::Result<columns::Schema> parse_fields(const Yaml& yaml) {
  columns::Schema schema;
  for (const auto& [name, value] : yaml.entries()) {
    if (!is_field_name(name)) {
      return value.fail_here(fmt::format("'{}' cannot be a field's name", name),
                             "use letters, digits and _, with a letter first");
    }
    if (name.starts_with('_')) {
      return value.fail_here(
          fmt::format("field '{}' begins with _, as Waybill's own columns do", name),
          fmt::format("call it '{}'", name.substr(name.find_first_not_of('_') == std::string::npos
                                                      ? name.size()
                                                      : name.find_first_not_of('_'))));
    }
    for (const columns::Field& other : schema.fields) {
      if (lower(other.name) == lower(name)) {
        return value.fail_here(
            fmt::format("field '{}' is there twice (SQL does not tell '{}' and '{}' apart)", name,
                        other.name, name),
            "remove one of them");
      }
    }
    schema.fields.push_back(TRY(parse_field(name, value)));
  }
  if (schema.fields.empty())
    return yaml.fail_here("the schema has no fields", "add lines like 'event_id: string not null'");
  return schema;
}

base::Result<char> parse_separator(const Yaml& yaml) {
  const std::string text = TRY(yaml.text_or("separator", ","));
  if (text == "tab" || text == "\\t") return '\t';
  if (text.size() == 1 && text[0] != '"' && text[0] != '\n') return text[0];
  return TRY(yaml.child("separator"))
      .fail_here(fmt::format("'separator' must be one character, not '{}'", text),
                 "for example ',' or ';' or tab");
}

base::Result<FileDrop> parse_files(const Yaml& yaml, const columns::Schema& fields) {
  TRY(yaml.only({"folder", "pattern", "separator", "encoding", "columns"}));
  FileDrop drop;
  drop.folder = TRY(yaml.text("folder"));
  drop.pattern = TRY(yaml.text_or("pattern", drop.pattern));
  drop.separator = TRY(parse_separator(yaml));
  drop.encoding = lower(TRY(yaml.text_or("encoding", drop.encoding)));
  if (drop.encoding != "utf-8" && drop.encoding != "latin-1") {
    return TRY(yaml.child("encoding"))
        .fail_here(fmt::format("unknown encoding '{}'", drop.encoding),
                   "encodings are utf-8 and latin-1");
  }
  if (!yaml.has("columns")) return drop;
  std::map<std::string, std::string> column_of_field;
  const Yaml columns = TRY(yaml.child("columns"));
  for (const auto& [column, value] : columns.entries()) {
    const std::string field = TRY(value.scalar());
    if (!fields.find(field)) {
      return value.fail_here(
          fmt::format("column '{}' goes to the unknown field '{}'", column, field),
          names_of(fields));
    }
    const auto [other, fresh] = column_of_field.emplace(field, column);
    if (!fresh) {
      return value.fail_here(
          fmt::format("columns '{}' and '{}' both go to field '{}'", other->second, column, field),
          "give each field one column");
    }
    drop.column_fields[column] = field;
  }
  return drop;
}

template <class T>
base::Result<T> choose(const Yaml& yaml, const std::string& key,
                       const std::vector<std::pair<std::string, T>>& choices) {
  const std::string text = TRY(yaml.text_or(key, choices.front().first));
  std::vector<std::string_view> names;
  for (const auto& [name, value] : choices) {
    if (name == text) return value;
    names.push_back(name);
  }
  return TRY(yaml.child(key))
      .fail_here(fmt::format("unknown {} '{}'", key, text),
                 fmt::format("write {}", fmt::join(names, " or ")));
}

base::Result<std::int64_t> parse_retention(const Yaml& yaml, std::int64_t otherwise_us) {
  const std::string text = TRY(yaml.text_or("retention", ""));
  if (text == "forever" || text == "-1") return -1;
  const std::int64_t us = TRY(yaml.duration_us_or("retention", otherwise_us));
  if (us <= 0)
    return TRY(yaml.child("retention"))
        .fail_here("'retention' must be longer than nothing", "write 7 days, or forever");
  return us;
}

base::Result<> parse_registry(const Yaml& yaml, TopicSchema& schema) {
  if (!schema_type_of(schema.format)) {
    for (const char* key : {"registry", "subject"}) {
      if (!yaml.has(key)) continue;
      return TRY(yaml.child(key))
          .fail_here(fmt::format("'{}' goes with records of a schema registry", key),
                     "write 'format: avro', 'protobuf' or 'json_schema', or drop it");
    }
    return {};
  }
  schema.registry = TRY(yaml.text_or("registry", "embedded"));
  const bool url =
      schema.registry.starts_with("http://") || schema.registry.starts_with("https://");
  if (schema.registry != "embedded" && !url) {
    return TRY(yaml.child("registry"))
        .fail_here(fmt::format("'{}' is no schema registry", schema.registry),
                   "write 'embedded', or its address: http://127.0.0.1:8081");
  }
  schema.subject = TRY(yaml.text_or("subject", schema.topic.name + "-value"));
  schema.evolves = true;
  if (yaml.has("files"))
    return TRY(yaml.child("files"))
        .fail_here("files have no records of a schema registry", "write 'format: csv' or 'json'");
  return {};
}

}  // namespace

std::optional<SchemaType> schema_type_of(Format format) {
  switch (format) {
    case Format::kAvro:
      return SchemaType::kAvro;
    case Format::kProtobuf:
      return SchemaType::kProtobuf;
    case Format::kJsonSchema:
      return SchemaType::kJson;
    case Format::kJson:
    case Format::kCsv:
      break;
  }
  return std::nullopt;
}

base::Result<std::vector<columns::Field>> TopicSchema::lacking(
    const ResolvedSchema& registered) const {
  std::vector<columns::Field> more;
  if (registered.type != schema_type_of(format)) return more;
  for (columns::Field& field : TRY(columns_of(registered)).fields) {
    const bool known = std::ranges::any_of(fields.fields, [&](const columns::Field& had) {
      return lower(had.name) == lower(field.name);
    });
    if (!known) more.push_back(std::move(field));
  }
  return more;
}

base::Result<> TopicSchema::evolve() {
  if (!evolves || lookup == nullptr) return {};
  for (const ResolvedSchema& version : TRY(lookup->versions(subject))) {
    for (columns::Field& field : TRY(lacking(version))) fields.fields.push_back(std::move(field));
  }
  return {};
}

base::Result<TopicSchema> parse_topic_schema(const Yaml& yaml) {
  TRY(yaml.only({"topic", "partitions", "key", "format", "retention", "on_bad", "schema", "files",
                 "simulate", "registry", "subject"}));
  TopicSchema schema;
  schema.file = yaml.file();
  schema.topic.name = TRY(yaml.text("topic"));
  if (!is_topic_name(schema.topic.name)) {
    return TRY(yaml.child("topic"))
        .fail_here(fmt::format("'{}' cannot be a topic's name", schema.topic.name),
                   fmt::format("use letters, digits, _ and -, at most {}", kTopicNameMax));
  }
  const std::int64_t partitions = TRY(yaml.integer_or("partitions", 1));
  if (partitions < 1 || partitions > kPartitionsMax) {
    return TRY(yaml.child("partitions"))
        .fail_here(fmt::format("a topic cannot have {} partitions", partitions),
                   fmt::format("write 1 to {}", kPartitionsMax));
  }
  schema.topic.partitions = static_cast<int>(partitions);
  schema.topic.retention_us = TRY(parse_retention(yaml, schema.topic.retention_us));
  schema.format = TRY(choose<Format>(yaml, "format",
                                     {{"json", Format::kJson},
                                      {"csv", Format::kCsv},
                                      {"avro", Format::kAvro},
                                      {"protobuf", Format::kProtobuf},
                                      {"json_schema", Format::kJsonSchema}}));
  schema.on_bad = TRY(choose<OnBad>(
      yaml, "on_bad", {{"reject", OnBad::kReject}, {"dead_letter", OnBad::kDeadLetter}}));
  TRY(parse_registry(yaml, schema));
  if (schema.registry.empty() || yaml.has("schema"))
    schema.fields = TRY(parse_fields(TRY(yaml.child("schema"))));
  schema.key = TRY(yaml.text_or("key", ""));
  if (!schema.key.empty() && !schema.fields.find(schema.key)) {
    return TRY(yaml.child("key"))
        .fail_here(fmt::format("the key '{}' is not a field", schema.key), names_of(schema.fields));
  }
  if (yaml.has("files")) schema.files = TRY(parse_files(TRY(yaml.child("files")), schema.fields));
  schema.simulate = TRY(yaml.text_or("simulate", ""));
  return schema;
}

base::Result<std::vector<TopicSchema>> load_topic_schemas(const base::Path& project) {
  std::vector<TopicSchema> schemas;
  const base::Path folder = project / "sources";
  for (const std::string& name : TRY(base::posix_file_system().list(folder))) {
    if (!name.ends_with(".yaml") && !name.ends_with(".yml")) continue;
    const Yaml yaml = TRY(Yaml::load(folder / name));
    TopicSchema schema = TRY(parse_topic_schema(yaml));
    for (const TopicSchema& other : schemas) {
      if (lower(other.topic.name) != lower(schema.topic.name)) continue;
      return TRY(yaml.child("topic"))
          .fail_here(
              fmt::format("topic '{}' is also described in {}", schema.topic.name, other.file),
              "remove one of them");
    }
    schemas.push_back(std::move(schema));
  }
  std::sort(schemas.begin(), schemas.end(),
            [](const TopicSchema& a, const TopicSchema& b) { return a.topic.name < b.topic.name; });
  return schemas;
}

std::string TopicSchema::id() const {
  std::string text;
  for (const columns::Field& field : fields.fields) {
    text += fmt::format("{} {}{}\n", field.name, columns::type_name(field.type),
                        field.nullable ? "" : " not null");
  }
  return fmt::format("{}@{:08x}", topic.name, base::crc32c(std::as_bytes(std::span(text))));
}

std::unique_ptr<columns::Decoder> TopicSchema::decoder() const {
  if (format == Format::kJson) return columns::json_decoder(fields);
  if (const auto type = schema_type_of(format)) return wire_decoder(fields, *type, lookup);
  std::vector<std::string> names;
  for (const columns::Field& field : fields.fields) names.push_back(field.name);
  return columns::csv_decoder(fields, std::move(names), files ? files->separator : ',');
}

columns::Schema bronze_schema(const TopicSchema& topic) {
  using columns::Type;
  columns::Schema schema{{{"_topic", Type::kString, false},
                          {"_partition", Type::kInt32, false},
                          {"_offset", Type::kInt64, false},
                          {"_time", Type::kTimestamp, false},
                          {"_key", Type::kString, true},
                          {"_schema", Type::kString, false},
                          {"_headers", Type::kString, true},
                          {"_raw", Type::kString, false},
                          {"_error", Type::kString, true}}};
  for (columns::Field field : topic.fields.fields) {
    field.nullable = true;  // a row that does not fit its schema is here too
    schema.fields.push_back(std::move(field));
  }
  return schema;
}

}  // namespace schema
