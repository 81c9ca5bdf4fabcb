// Records to columns: JSON, CSV, Avro, bronze rows, and batches into DuckDB, on one core. Beside
// them what simdjson and nlohmann-json need to parse the same records and give nothing back.
#include <benchmark/benchmark.h>
#include <simdjson.h>

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/clock.h"
#include "columns/decoder.h"
#include "schema/avro_value.h"
#include "schema/bronze.h"
#include "schema/wire_decoder.h"
#include "sql/database.h"

namespace {

constexpr std::size_t kRecords = 10'000;

schema::TopicSchema positions(const char* format) {
  const std::string text = fmt::format(
      "topic: positions\nformat: {}\nschema:\n  truck_id: string not null\n  event_time: timestamp "
      "not null\n"
      "  lat: double not null\n  lon: double not null\n  speed_kmh: double\n  heading: double\n"
      "  status: string\n  shipment_id: string\n",
      format);
  return *schema::parse_topic_schema(*base::Yaml::parse(text, "bench"));
}

std::vector<std::string> json_records() {
  std::vector<std::string> records;
  for (std::size_t i = 0; i < kRecords; ++i) {
    const auto n = static_cast<std::int64_t>(i);
    records.push_back(fmt::format(
        R"({{"truck_id":"T-{:06}","event_time":"{}","lat":{:.6f},"lon":{:.6f},"speed_kmh":{:.1f},"heading":{},)"
        R"("status":"moving","shipment_id":"S-{:07}"}})",
        i % 5000, base::format_rfc3339(1'795'420'800'123'000 + n * 10'000),
        50.0 + 0.0001 * static_cast<double>(i), 8.0 + 0.0002 * static_cast<double>(i),
        40.0 + 0.5 * static_cast<double>(i % 90), i % 360, i));
  }
  return records;
}

std::vector<std::string> csv_records() {
  std::vector<std::string> records;
  for (std::size_t i = 0; i < kRecords; ++i) {
    const auto n = static_cast<std::int64_t>(i);
    records.push_back(fmt::format("T-{:06},{},{:.6f},{:.6f},{:.1f},{},moving,\"S-{:07}\"", i % 5000,
                                  base::format_rfc3339(1'795'420'800'123'000 + n * 10'000),
                                  50.0 + 0.0001 * static_cast<double>(i),
                                  8.0 + 0.0002 * static_cast<double>(i),
                                  40.0 + 0.5 * static_cast<double>(i % 90), i % 360, i));
  }
  return records;
}

void count(benchmark::State& state, const std::vector<std::string>& records) {
  std::size_t bytes = 0;
  for (const std::string& record : records) bytes += record.size();
  const auto rounds = static_cast<std::size_t>(state.iterations());
  state.SetItemsProcessed(static_cast<std::int64_t>(rounds * records.size()));
  state.SetBytesProcessed(static_cast<std::int64_t>(rounds * bytes));
  state.counters["bytes_per_record"] =
      static_cast<double>(bytes) / static_cast<double>(records.size());
}

void run_decoder(benchmark::State& state, const schema::TopicSchema& topic,
                 const std::vector<std::string>& records) {
  const std::vector<std::string_view> values(records.begin(), records.end());
  const auto decoder = topic.decoder();
  for (auto _ : state) {
    columns::Batch batch(topic.fields);
    std::vector<columns::RowError> errors;
    decoder->decode(values, batch, errors);
    CHECK(errors.empty(), "{}", errors[0].reason);
    benchmark::DoNotOptimize(batch.columns.data());
  }
  count(state, records);
}

void json_to_columns(benchmark::State& state) {
  run_decoder(state, positions("json"), json_records());
}
BENCHMARK(json_to_columns);

void csv_to_columns(benchmark::State& state) {
  run_decoder(state, positions("csv"), csv_records());
}
BENCHMARK(csv_to_columns);

// The same positions as Avro in a registry's wire format.
constexpr const char* kPositionSchema = R"({"type":"record","name":"Position","fields":[
  {"name":"truck_id","type":"string"},
  {"name":"event_time","type":{"type":"long","logicalType":"timestamp-micros"}},
  {"name":"lat","type":"double"},{"name":"lon","type":"double"},
  {"name":"speed_kmh","type":["null","double"]},{"name":"heading","type":["null","double"]},
  {"name":"status","type":["null","string"]},{"name":"shipment_id","type":["null","string"]}]})";

class OneSchema final : public schema::SchemaLookup {
 public:
  base::Result<schema::ResolvedSchema> by_id(std::int32_t) const override {
    return schema::ResolvedSchema{schema::SchemaType::kAvro, kPositionSchema, {}};
  }
  base::Result<std::vector<schema::ResolvedSchema>> versions(const std::string&) const override {
    return std::vector<schema::ResolvedSchema>{};
  }
};

std::vector<std::string> avro_records() {
  const auto parsed = *schema::parse_avro(kPositionSchema);
  std::vector<std::string> records;
  for (std::size_t i = 0; i < kRecords; ++i) {
    const auto n = static_cast<std::int64_t>(i);
    const nlohmann::json value = {
        {"truck_id", fmt::format("T-{:06}", i % 5000)},
        {"event_time", 1'795'420'800'123'000 + n * 10'000},
        {"lat", 50.0 + 0.0001 * static_cast<double>(i)},
        {"lon", 8.0 + 0.0002 * static_cast<double>(i)},
        {"speed_kmh", {{"double", 40.0 + 0.5 * static_cast<double>(i % 90)}}},
        {"heading", {{"double", static_cast<double>(i % 360)}}},
        {"status", {{"string", "moving"}}},
        {"shipment_id", {{"string", fmt::format("S-{:07}", i)}}}};
    records.push_back(schema::wire_header(1) + *schema::encode_avro(parsed->root(), value));
  }
  return records;
}

void avro_to_columns(benchmark::State& state) {
  schema::TopicSchema topic = positions("avro");
  topic.lookup = std::make_shared<OneSchema>();
  run_decoder(state, topic, avro_records());
}
BENCHMARK(avro_to_columns);

void limit_simdjson_parse_only(benchmark::State& state) {
  const auto records = json_records();
  std::vector<simdjson::padded_string> padded(records.begin(), records.end());
  simdjson::dom::parser parser;
  for (auto _ : state) {
    for (const auto& record : padded) benchmark::DoNotOptimize(parser.parse(record).error());
  }
  count(state, records);
}
BENCHMARK(limit_simdjson_parse_only);

void peer_nlohmann_parse_only(benchmark::State& state) {
  const auto records = json_records();
  for (auto _ : state) {
    for (const auto& record : records)
      benchmark::DoNotOptimize(nlohmann::json::parse(record).size());
  }
  count(state, records);
}
BENCHMARK(peer_nlohmann_parse_only);

std::vector<std::vector<std::byte>> log_batches(const std::vector<std::string>& records) {
  constexpr std::size_t kBatchRecords = 500;
  std::vector<std::vector<std::byte>> batches;
  eventlog::BatchBuilder builder;
  std::size_t first = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    builder.add(std::string_view(records[i]).substr(13, 8), records[i], 1'795'420'800'000);
    if ((i + 1) % kBatchRecords != 0) continue;
    batches.push_back(builder.finish());
    eventlog::set_base_offset(batches.back(), static_cast<std::int64_t>(first));
    first = i + 1;
  }
  return batches;
}

void run_bronze(benchmark::State& state, bool recycle) {
  const auto records = json_records();
  const auto batches = log_batches(records);
  const schema::TopicSchema topic = positions("json");
  schema::BronzeDecoder decoder(topic);
  for (auto _ : state) {
    for (const auto& batch : batches) CHECK(decoder.add(0, batch, 0, INT64_MAX).has_value());
    columns::Batch rows = decoder.take();
    CHECK(rows.rows() == kRecords);
    benchmark::DoNotOptimize(rows.columns.data());
    if (recycle) decoder.recycle(std::move(rows));
  }
  count(state, records);
}

void log_to_bronze(benchmark::State& state) { run_bronze(state, false); }
BENCHMARK(log_to_bronze);

void log_to_bronze_recycled(benchmark::State& state) { run_bronze(state, true); }
BENCHMARK(log_to_bronze_recycled);

void bronze_into_duckdb(benchmark::State& state) {
  const auto records = json_records();
  schema::BronzeDecoder decoder(positions("json"));
  for (const auto& batch : log_batches(records))
    CHECK(decoder.add(0, batch, 0, INT64_MAX).has_value());
  const columns::Batch rows = decoder.take();
  const auto database = std::move(*sql::Database::open({.memory_limit = "1GB", .threads = 1}));
  const auto connection = std::move(*database->connect());
  for (auto _ : state) CHECK(connection->put("input", rows).has_value());
  count(state, records);
}
BENCHMARK(bronze_into_duckdb);

// The same rows without a copy, and one column of each read.
void bronze_shared_with_duckdb(benchmark::State& state) {
  const auto records = json_records();
  schema::BronzeDecoder decoder(positions("json"));
  for (const auto& batch : log_batches(records)) {
    CHECK(decoder.add(0, batch, 0, INT64_MAX).has_value());
  }
  const auto rows = std::make_shared<columns::Batch>(decoder.take());
  const auto database = std::move(*sql::Database::open({.memory_limit = "1GB", .threads = 1}));
  const auto connection = std::move(*database->connect());
  for (auto _ : state) {
    CHECK(connection->share("input", rows).has_value());
    CHECK(connection->query("SELECT max(_raw) FROM input").has_value());
  }
  count(state, records);
}
BENCHMARK(bronze_shared_with_duckdb);

void duckdb_into_batch(benchmark::State& state) {
  const auto records = json_records();
  schema::BronzeDecoder decoder(positions("json"));
  for (const auto& batch : log_batches(records))
    CHECK(decoder.add(0, batch, 0, INT64_MAX).has_value());
  const auto database = std::move(*sql::Database::open({.memory_limit = "1GB", .threads = 1}));
  const auto connection = std::move(*database->connect());
  CHECK(connection->put("input", decoder.take()).has_value());
  for (auto _ : state) {
    const auto result = connection->query("SELECT * FROM input");
    benchmark::DoNotOptimize((*result)->batch()->rows());
  }
  count(state, records);
}
BENCHMARK(duckdb_into_batch);

}  // namespace

BENCHMARK_MAIN();
