#include "server/http_records.h"

#include <algorithm>

#include "base/base64.h"
#include "base/compress.h"
#include "base/metrics.h"
#include "columns/convert.h"
#include "log/record_batch.h"
#include "protocol/http/records.h"
#include "protocol/http/target.h"
#include "schema/wire_decoder.h"
#include "server/http_ingest.h"

namespace server {
namespace {

constexpr std::size_t kDecodeRows = 4096;
constexpr std::size_t kErrorsShownMax = 10;
constexpr std::size_t kIdleReadersMax = 8;

std::optional<Response> unpack(const Request& request, Records& records) {
  const std::string_view encoding = request.header("Content-Encoding");
  if (encoding.empty() || encoding == "identity") {
    records.body = request.body;
    return std::nullopt;
  }
  auto unpacked = base::decompress(encoding, request.body, kUnpackedBytesMax);
  if (!unpacked) {
    base::Error error = std::move(unpacked.error()).in("the request's body");
    const int status = error.code == base::Code::kUnsupported ? 415 : status_of(error.code);
    if (error.mend.empty()) {
      error.mend = status == 413 ? "send fewer records in a request"
                                 : "pack the body again, or send it unpacked";
    }
    return problem(status, error);
  }
  records.unpacked = std::move(*unpacked);
  records.body = records.unpacked;
  return std::nullopt;
}

// The values of Kafka's REST proxy: {"records":[{"value":"base64"}, …]}.
std::optional<Response> cut_base64(Records& records) {
  constexpr const char* kMend = R"(send {"records":[{"value":"…base64…"}]})";
  const auto body = nlohmann::json::parse(records.body, nullptr, false);
  const auto list = body.is_object() ? body.find("records") : body.end();
  if (!body.is_object() || list == body.end() || !list->is_array())
    return problem(400, "the body has no list of records", kMend);
  if (list->size() > protocol::http::kRecordsMax)
    return problem(413, "the request has too many records", "send fewer records in a request");
  for (const auto& record : *list) {
    const auto value = record.is_object() ? record.find("value") : record.end();
    const bool text = record.is_object() && value != record.end() && value->is_string();
    auto bytes = text ? base::decode_base64(value->get_ref<const std::string&>()) : std::nullopt;
    if (!bytes)
      return problem(400, fmt::format("record {} has no value in base64", records.decoded.size()),
                     kMend);
    records.decoded.push_back(*std::move(bytes));
  }
  return std::nullopt;
}

// Records in a schema registry's wire format.
std::optional<Response> cut_wire(const std::string& type, Records& records) {
  records.in_wire_format = true;
  if (type == "application/octet-stream") {
    records.decoded.emplace_back(records.body);
  } else if (auto refusal = cut_base64(records)) {
    return refusal;
  }
  records.values.assign(records.decoded.begin(), records.decoded.end());
  if (records.values.empty())
    return problem(400, "the request has no records", "send at least one");
  return std::nullopt;
}

std::optional<Response> cut(const Request& request, const schema::TopicSchema& topic,
                            Records& records) {
  const std::string type = protocol::http::media_type(request.header("Content-Type"));
  const bool wire =
      type == "application/octet-stream" || type == "application/vnd.kafka.binary.v2+json";
  if (wire && schema::schema_type_of(topic.format)) return cut_wire(type, records);
  const bool lines = type == "application/x-ndjson" || type == "application/ndjson" ||
                     type == "application/jsonl" || type == "application/x-jsonlines";
  if (!lines && type != "application/json") {
    return problem(415, fmt::format("records of type '{}' are not known here", type),
                   "send 'Content-Type: application/json' (an object or an array) or "
                   "'application/x-ndjson' (one object a line)");
  }
  auto values =
      lines ? protocol::http::split_ndjson(records.body) : protocol::http::split_json(records.body);
  if (!values) return problem(values.error());
  if (values->empty())
    return problem(400, "the request has no records", "send at least one JSON object");
  records.values = std::move(*values);
  return std::nullopt;
}

// What does not fit, by record and line. Malformed JSON is the sender's bug (400); a record that is
// JSON but not of the schema is refused as such (422).
Response unfit(const Records& records, const std::vector<columns::RowError>& errors,
               std::size_t base, bool malformed) {
  nlohmann::json shown = nlohmann::json::array();
  base::Error first;
  for (const columns::RowError& error : errors) {
    if (malformed && !error.field.empty()) continue;
    const std::size_t index = base + error.row;
    const int line =
        records.in_wire_format ? 0 : protocol::http::line_of(records.body, records.values[index]);
    if (shown.empty()) {
      first.message = error.field.empty() ? fmt::format("record {} is {}", index, error.reason)
                                          : fmt::format("record {}, field '{}': {}", index,
                                                        error.field, error.reason);
      first.line = line;
    }
    shown.push_back(
        {{"record", index}, {"line", line}, {"field", error.field}, {"reason", error.reason}});
    if (shown.size() == kErrorsShownMax) break;
  }
  first.mend = malformed
                   ? "send one whole record each; nothing of this request is kept"
                   : "correct the fields or the topic's schema; nothing of this request is kept";
  return problem(malformed ? 400 : 422, first, {{"errors", shown}});
}

}  // namespace

TopicReader::TopicReader(const schema::TopicSchema& schema, int partitions)
    : schema_(schema),
      partitions_(partitions),
      taken_(base::counter("waybill_ingest_records_total", "Records acknowledged over HTTP.",
                           {{"topic", schema.topic.name}})) {}

std::optional<Response> TopicReader::read(const Request& request, Records& records) {
  if (auto refusal = unpack(request, records)) return refusal;
  if (auto refusal = cut(request, schema_, records)) return refusal;
  const std::string key_field = request.query_or("key", schema_.key);
  std::unique_ptr<Reader> reader = borrow(key_field, records.in_wire_format);
  auto refusal = decode(*reader, records);
  if (key_field == schema_.key && !records.in_wire_format) {
    const std::scoped_lock lock(mutex_);
    if (idle_.size() < kIdleReadersMax) idle_.push_back(std::move(reader));
  }
  return refusal;
}

std::optional<Response> TopicReader::decode(Reader& reader, Records& records) {
  const auto keyless =
      static_cast<eventlog::Partition>(keyless_++ % static_cast<std::uint32_t>(partitions_));
  std::vector<columns::RowError> errors;
  records.routes.reserve(records.values.size());
  for (std::size_t at = 0; at < records.values.size(); at += kDecodeRows) {
    const std::size_t count = std::min(kDecodeRows, records.values.size() - at);
    for (columns::Column& column : reader.batch.columns) column.truncate(0);
    reader.decoder->decode(std::span(records.values).subspan(at, count), reader.batch, errors);
    const bool malformed =
        std::any_of(errors.begin(), errors.end(), [](const auto& e) { return e.field.empty(); });
    if (malformed) return unfit(records, errors, at, true);
    if (!errors.empty() && schema_.on_bad == schema::OnBad::kReject)
      return unfit(records, errors, at, false);
    errors.clear();
    route(reader, records, count, keyless);
  }
  return std::nullopt;
}

// Records without a key go together, so that they make one batch.
void TopicReader::route(const Reader& reader, Records& records, std::size_t count,
                        eventlog::Partition keyless) {
  for (std::size_t row = 0; row < count; ++row) {
    Records::Route route{.key_at = static_cast<std::uint32_t>(records.keys.size()),
                         .partition = keyless};
    if (reader.key && !reader.batch.columns[*reader.key].is_null(row)) {
      columns::append_text(reader.batch.columns[*reader.key], row, records.keys);
      route.key_size = static_cast<std::uint32_t>(records.keys.size() - route.key_at);
      route.has_key = true;
      route.partition = eventlog::partition_of_key(
          std::string_view(records.keys).substr(route.key_at, route.key_size), partitions_);
    }
    records.routes.push_back(route);
  }
}

std::unique_ptr<TopicReader::Reader> TopicReader::borrow(const std::string& key_field,
                                                         bool in_wire_format) {
  if (key_field == schema_.key && !in_wire_format) {
    const std::scoped_lock lock(mutex_);
    if (!idle_.empty()) {
      auto reader = std::move(idle_.back());
      idle_.pop_back();
      return reader;
    }
  }
  return make_reader(key_field, in_wire_format);
}

std::unique_ptr<TopicReader::Reader> TopicReader::make_reader(const std::string& key_field,
                                                              bool in_wire_format) const {
  columns::Schema fields = schema_.fields;
  if (!key_field.empty() && !fields.find(key_field)) {
    fields.fields.push_back({.name = key_field, .type = columns::Type::kString, .nullable = true});
  }
  auto reader = std::make_unique<Reader>();
  const auto wire = schema::schema_type_of(schema_.format);
  reader->decoder = in_wire_format && wire ? schema::wire_decoder(fields, *wire, schema_.lookup)
                                           : columns::json_decoder(fields);
  reader->batch = columns::Batch(fields);
  if (!key_field.empty()) reader->key = fields.find(key_field);
  return reader;
}

}  // namespace server
