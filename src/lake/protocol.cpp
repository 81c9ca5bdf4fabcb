#include "lake/protocol.h"

#include <algorithm>
#include <array>

#include "lake/spark_schema.h"

namespace lake {
namespace {

using base::Code;
using base::Result;

constexpr int kReaderVersionMax = 3;
constexpr int kWriterVersionMax = 7;

// Features that change nothing for a reader, or only where a file or checkpoint uses them, which is
// looked at there. Widened types are read by the casts of every scan.
constexpr std::array<std::string_view, 7> kReadable{
    "timestampNtz", "vacuumProtocolCheck",  "v2Checkpoint", "deletionVectors",
    "typeWidening", "typeWidening-preview", "columnMapping"};
constexpr std::array<std::string_view, 11> kWritable{
    "appendOnly", "invariants", "checkConstraints", "columnMapping", "timestampNtz",
    "deletionVectors", "v2Checkpoint", "vacuumProtocolCheck", "changeDataFeed",
    // Only where no column uses them, which is looked at.
    "generatedColumns", "identityColumns"};

template <std::size_t size>
std::string unknown(const std::vector<std::string>& features,
                    const std::array<std::string_view, size>& known) {
  std::string names;
  for (const std::string& feature : features) {
    if (std::ranges::find(known, feature) != known.end()) continue;
    names += (names.empty() ? "" : ", ") + feature;
  }
  return names;
}

std::unexpected<base::Error> refuse(std::string_view verb, const std::string& what) {
  return base::fail_with(Code::kUnsupported, fmt::format("cannot {} the table: {}", verb, what),
                         "rewrite it without that feature, or use an engine that has it");
}

}  // namespace

Result<> check_readable(const Protocol& protocol) {
  if (protocol.min_reader_version > kReaderVersionMax || protocol.min_reader_version < 1) {
    return refuse("read", fmt::format("it needs reader version {}", protocol.min_reader_version));
  }
  if (protocol.min_writer_version > kWriterVersionMax || protocol.min_writer_version < 1) {
    return refuse("read", fmt::format("it has writer version {}", protocol.min_writer_version));
  }
  if (protocol.min_reader_version == 3) {
    const std::string names = unknown(protocol.reader_features, kReadable);
    if (!names.empty()) return refuse("read", "it uses " + names);
  }
  return {};
}

Result<> check_writable(const Protocol& protocol, const Metadata& metadata) {
  TRY(check_readable(protocol));
  if (protocol.min_writer_version >= 7) {
    const std::string names = unknown(protocol.writer_features, kWritable);
    if (!names.empty()) return refuse("write", "it uses " + names);
  }
  for (const SparkField& field : TRY(parse_spark_schema(metadata.schema_string))) {
    if (field.special.empty()) continue;
    return refuse("write", fmt::format("it uses {} (column {})", field.special, field.name));
  }
  return {};
}

}  // namespace lake
