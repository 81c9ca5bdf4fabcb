#include "cli/dead_letters.h"

#include <chrono>
#include <thread>

#include "lake/dml.h"
#include "log/record_batch.h"
#include "sql/database.h"

namespace cli {

using base::Code;
using base::Result;
using nlohmann::json;

struct DeadLetters::Letter {
  std::string id;
  eventlog::TopicPartition to;
  std::optional<std::string> key;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string raw;
  std::string repaired;
};

namespace {

constexpr std::size_t kExamplesMax = 20;
constexpr std::size_t kRawBytesMax = 16UL << 20;
constexpr double kRateMin = 1e-3;
constexpr double kRateMax = 1e6;
constexpr std::size_t kPage = 500;  // letters in memory at a time

std::string letter_key(const std::string& id) { return "letter/" + id; }

// {attempts, begun_us, done_us}; done_us is missing while a sending is under way.
Result<json> sent_before(const state::Store& store, const std::string& id) {
  const auto text = TRY(store.get(letter_key(id)));
  if (!text) return json{{"attempts", 0}, {"done_us", 0}};
  const json kept = json::parse(*text, nullptr, false);
  if (!kept.is_object())
    return base::fail(Code::kCorrupt, "what is known of dead letter {} is no object", id);
  return kept;
}

Result<> note(state::Store& store, const std::string& id, const json& what) {
  state::WriteSet changes;
  changes.put(letter_key(id), what.dump());
  return store.apply(changes);
}

}  // namespace

Result<std::string> DeadLetters::where(const json& filter) {
  std::vector<std::string> terms{"true"};
  const auto text = [&](const char* key) { return filter.value(key, std::string()); };
  if (!text("model").empty()) terms.push_back("model = " + sql::quote_text(text("model")));
  if (!text("reason").empty())
    terms.push_back(
        fmt::format("contains(lower(reason), lower({}))", sql::quote_text(text("reason"))));
  for (const auto& [key, op] : {std::pair{"since", ">="}, {"until", "<"}}) {
    if (text(key).empty()) continue;
    if (!base::parse_timestamp(text(key)))
      return base::fail_with(Code::kInvalid, fmt::format("'{}' is no time: {}", key, text(key)),
                             "write a time such as 2026-01-31T08:00:00Z");
    terms.push_back(fmt::format("time {} TIMESTAMPTZ {}", op, sql::quote_text(text(key))));
  }
  if (filter.contains("ids")) {
    std::vector<std::string> ids;
    for (const json& id : filter["ids"]) {
      if (!id.is_string())
        return base::fail_with(Code::kInvalid, "'ids' has what is no text", "write ids");
      ids.push_back(sql::quote_text(id.get<std::string>()));
    }
    terms.push_back(ids.empty() ? "false" : fmt::format("id IN ({})", fmt::join(ids, ", ")));
  }
  return fmt::format("{}", fmt::join(terms, " AND "));
}

namespace {

bool has_subquery(const json& tree) {
  if (tree.is_object() && tree.value("class", json()) == "SUBQUERY") return true;
  return tree.is_structured() && std::ranges::any_of(tree, has_subquery);
}

}  // namespace

// Oldest first.
Result<std::vector<std::string>> DeadLetters::ids(const RedriveOptions& options) const {
  const auto letters = TRY(TRY(catalog_.table("dead_letters"))->snapshot());
  std::vector<std::string> topics{"NULL"};
  for (const schema::TopicSchema& topic : project_.topics)
    topics.push_back(sql::quote_text(topic.topic.name));
  const auto result = TRY(
      TRY(serving_.connect())
          ->query(fmt::format("SELECT id FROM ({}) WHERE ({}) AND topic IN ({}) ORDER BY time, id",
                              letters->scan_sql(), options.where, fmt::join(topics, ", "))));
  std::vector<std::string> found;
  for (std::size_t row = 0; row < result->rows(); ++row) found.push_back(result->text(0, row));
  return found;
}

// `page`: ids, quoted and joined.
Result<std::vector<DeadLetters::Letter>> DeadLetters::read(const RedriveOptions& options,
                                                           const std::string& page) const {
  const auto letters = TRY(TRY(catalog_.table("dead_letters"))->snapshot());
  const auto connection = TRY(serving_.connect());
  const std::string repair = options.repair.empty() ? "raw" : options.repair;
  std::vector<Letter> found;
  for (const schema::TopicSchema& topic : project_.topics) {
    const auto bronze = TRY(TRY(catalog_.table("bronze." + topic.topic.name))->snapshot());
    const auto result = TRY(connection->query(fmt::format(
        "SELECT id, topic, partition, key, headers, bytes, CAST(({}) AS VARCHAR) AS repaired FROM "
        "(SELECT d.*, b._key AS key, b._headers AS headers, CASE WHEN starts_with(b._raw, "
        "'base64:') THEN from_base64(substr(b._raw, 8)) ELSE encode(b._raw) END AS bytes FROM "
        "(SELECT * FROM ({}) WHERE id IN ({}) AND topic = {} ORDER BY time, id) d JOIN ({}) b "
        "ON b._partition = d.partition AND b._offset = d.\"offset\") AS letters",
        repair, letters->scan_sql(), page, sql::quote_text(topic.topic.name), bronze->scan_sql())));
    const columns::Batch rows = TRY(result->batch());
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      Letter letter{.id = std::string(rows.column("id").text_at(row)),
                    .to = {std::string(rows.column("topic").text_at(row)),
                           static_cast<eventlog::Partition>(rows.column("partition").int_at(row))},
                    .key = std::nullopt,
                    .headers = {},
                    .raw = std::string(rows.column("bytes").text_at(row)),
                    .repaired = {}};
      if (!rows.column("key").is_null(row)) letter.key = rows.column("key").text_at(row);
      if (options.repair.empty()) {
        letter.repaired = letter.raw;
      } else if (rows.column("repaired").is_null(row)) {
        return base::fail_with(
            Code::kInvalid, fmt::format("the repair gives nothing for dead letter {}", letter.id),
            "write an expression that gives a text for each");
      } else {
        letter.repaired = rows.column("repaired").text_at(row);
      }
      if (!rows.column("headers").is_null(row)) {
        const json headers = json::parse(rows.column("headers").text_at(row), nullptr, false);
        if (!headers.is_object())
          return base::fail(Code::kCorrupt, "the headers of dead letter {} are no object",
                            letter.id);
        for (const auto& [name, value] : headers.items()) {
          if (name != "redriven" && value.is_string())
            letter.headers.emplace_back(name, value.get<std::string>());
        }
      }
      found.push_back(std::move(letter));
    }
  }
  return found;
}

Result<> DeadLetters::send(const Letter& letter, std::int64_t attempt) {
  if (letter.repaired.size() > kRawBytesMax)
    return base::fail(Code::kLimit, "dead letter {} is repaired to {} bytes", letter.id,
                      letter.repaired.size());
  std::vector<eventlog::HeaderView> headers{{"redriven", letter.id}};
  for (const auto& [name, value] : letter.headers) headers.push_back({name, value});
  std::optional<std::string_view> key;
  if (letter.key) key = *letter.key;
  eventlog::BatchBuilder builder;
  const base::TimestampUs now_us = clock_.now_us();
  builder.add(key, letter.repaired, now_us / 1000, headers);
  TRY(note(store_, letter.id, {{"attempts", attempt}, {"begun_us", now_us}}));
  TRY(log_.append_and_wait(letter.to, builder.finish()));
  return note(store_, letter.id,
              {{"attempts", attempt}, {"begun_us", now_us}, {"done_us", clock_.now_us()}});
}

// Until the letter after `sent` others is due.
Result<> DeadLetters::wait(std::chrono::steady_clock::time_point began, std::int64_t sent,
                           double per_second) const {
  const auto due =
      began + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                  std::chrono::duration<double>(static_cast<double>(sent) / per_second));
  while (std::chrono::steady_clock::now() < due) {
    if (stopping_)
      return base::fail_with(Code::kUnavailable, "Waybill is stopping",
                             "redrive the others when it is back");
    std::this_thread::sleep_until(
        std::min(due, std::chrono::steady_clock::now() + std::chrono::milliseconds(50)));
  }
  return {};
}

Result<json> DeadLetters::redrive(const RedriveOptions& options) {
  const std::scoped_lock lock(mutex_);
  const double rate = options.per_second;
  if (rate != 0 && !(rate >= kRateMin && rate <= kRateMax))
    return base::fail_with(Code::kInvalid, "the rate is outside of 0.001 to 1000000 a second",
                           "write letters per second");
  if (!options.repair.empty() &&
      has_subquery(
          TRY(TRY(serving_.connect())
                  ->parse(fmt::format("SELECT ({}) AS repaired FROM letters", options.repair)))))
    return base::fail_with(Code::kInvalid, "a repair asks for more than its letter",
                           "write an expression over raw and the letter's other columns");
  Sending sending;
  TRY(choose(options, sending));
  for (std::size_t at = 0; at < sending.ids.size(); at += kPage) {
    std::vector<std::string> page;
    for (std::size_t i = at; i < std::min(at + kPage, sending.ids.size()); ++i)
      page.push_back(sql::quote_text(sending.ids[i]));
    auto done = send_page(options, fmt::format("{}", fmt::join(page, ", ")), sending);
    if (!done)
      return std::unexpected(
          std::move(done).error().in(fmt::format("after {} letters were sent", sending.sent)));
  }
  json answer{{"redriven", options.dry_run ? 0 : sending.sent},
              {"skipped", sending.skipped},
              {"in_doubt", sending.in_doubt}};
  if (options.dry_run)
    answer.update({{"would_redrive", sending.sent}, {"examples", sending.examples}});
  return answer;
}

// Those that were not sent so often yet.
Result<> DeadLetters::choose(const RedriveOptions& options, Sending& sending) const {
  for (const std::string& id : TRY(ids(options))) {
    const json before = TRY(sent_before(store_, id));
    if (!before.contains("done_us")) sending.in_doubt.push_back(id);
    if (before.value("attempts", std::int64_t{0}) >= options.attempts_max) {
      ++sending.skipped;
    } else if (sending.ids.size() < options.limit) {
      sending.ids.push_back(id);
    }
  }
  return {};
}

Result<> DeadLetters::send_page(const RedriveOptions& options, const std::string& page,
                                Sending& sending) {
  for (const Letter& letter : TRY(read(options, page))) {
    if (options.dry_run) {
      if (sending.examples.size() < kExamplesMax)
        sending.examples.push_back(
            {{"id", letter.id}, {"from", letter.raw}, {"to", letter.repaired}});
    } else {
      if (options.per_second > 0) TRY(wait(sending.began, sending.sent, options.per_second));
      const json before = TRY(sent_before(store_, letter.id));
      TRY(send(letter, before.value("attempts", std::int64_t{0}) + 1));
    }
    ++sending.sent;
  }
  return {};
}

Result<json> DeadLetters::purge(sql::Connection& connection, const std::string& where,
                                bool dry_run) {
  const auto table = TRY(catalog_.table("dead_letters"));
  const auto snapshot = TRY(table->snapshot());
  const auto found = TRY(connection.query(
      fmt::format("SELECT count(*) FROM ({}) WHERE {}", snapshot->scan_sql(), where)));
  const std::int64_t letters = found->int_at(0, 0);
  if (dry_run) return json{{"purged", 0}, {"would_purge", letters}};
  if (letters > 0) TRY(lake::delete_where(*table, connection, where, {}));
  return json{{"purged", letters}};
}

}  // namespace cli
