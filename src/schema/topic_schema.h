// What a topic carries: sources/*.yaml, checked and typed.
//
//   topic: scans
//   partitions: 4
//   key: shipment_id            # the field that picks the partition; a record with a key keeps its
//                               # own
//   format: json                # json, csv; of a schema registry: avro, protobuf, json_schema
//   registry: embedded          # or http://…: who knows the schemas of those three
//   subject: scans-value        # of that registry: its columns come to those of `schema`
//   retention: 7 days
//   on_bad: reject              # over HTTP a record that does not fit is refused (422);
//                               # or: dead_letter
//   schema:                     # need not be there with a registry
//     event_id: string not null
//     event_time: timestamp not null
//     speed_kmh: double
//   files:                      # a drop folder, optional
//     folder: inbox/scms        # relative to the project folder
//     pattern: "*.csv"
//     columns:                  # CSV header -> field, when they differ; others by equal name
//       "PO / SO #": po_so
//   simulate: scans             # which stream of the simulated fleet feeds it, optional
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/yaml.h"
#include "columns/decoder.h"
#include "log/event_log.h"
#include "schema/schema_document.h"

namespace schema {

enum class Format : std::uint8_t { kJson, kCsv, kAvro, kProtobuf, kJsonSchema };

// Of the formats in a registry's wire format; nullopt for the others.
std::optional<SchemaType> schema_type_of(Format format);
enum class OnBad : std::uint8_t { kReject, kDeadLetter };

struct FileDrop {
  std::string folder;
  std::string pattern = "*";
  char separator = ',';
  std::string encoding = "utf-8";                    // or latin-1
  std::map<std::string, std::string> column_fields;  // file's column -> field
};

struct TopicSchema {
  eventlog::TopicConfig topic;
  std::string key;  // empty: no key
  Format format = Format::kJson;
  OnBad on_bad = OnBad::kReject;
  columns::Schema fields;
  // Of the formats with a registry. `lookup` is set by whoever runs the topic.
  std::string registry;  // "embedded" or a URL
  std::string subject;
  std::shared_ptr<const SchemaLookup> lookup;
  bool evolves = false;  // a record whose schema has more fields asks for more columns
  std::optional<FileDrop> files;
  std::string simulate;
  std::string file;        // where it was written
  std::string id() const;  // "scans@<8 hex of the fields>": the schema that bronze rows name

  // Takes up the columns of all versions of the subject. kInvalid for a schema that cannot be read.
  base::Result<> evolve();
  // The columns of that schema which `fields` lacks.
  base::Result<std::vector<columns::Field>> lacking(const ResolvedSchema& registered) const;

  // A fresh decoder for records of this topic.
  std::unique_ptr<columns::Decoder> decoder() const;
};

base::Result<TopicSchema> parse_topic_schema(const base::Yaml& yaml);
// All sources/*.yaml of a project, sorted by topic; kInvalid when two name one topic.
base::Result<std::vector<TopicSchema>> load_topic_schemas(const base::Path& project);

// The columns that every bronze table has in front of the topic's own fields.
//   _topic string, _partition integer, _offset bigint, _time timestamp (when the log took it),
//   _key string, _schema string, _headers string (JSON object; null when none), _raw string (the
//   value as it came; bytes that are not UTF-8 as base64 behind "base64:"), _error string (why the
//   record does not fit its schema; null when it does)
columns::Schema bronze_schema(const TopicSchema& topic);

// Record headers that file sources set.
inline constexpr std::string_view kFileHeader = "file";  // the file's name
inline constexpr std::string_view kLineHeader = "line";  // from 1
inline constexpr std::string_view kColumnsHeader =
    "columns";  // CSV header line, when it is not the schema's order
inline constexpr std::string_view kFormatHeader =
    "format";  // "json" where a CSV topic carries JSON (Parquet rows)

}  // namespace schema
