#include "server/redis_push.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/logging.h"
#include "base/uuid.h"
#include "server/redis_reads.h"

namespace server {
namespace {

constexpr std::size_t kBatchRows = 4096;        // of one transaction
constexpr std::size_t kBatchBytes = 4UL << 20;  // about
constexpr std::int64_t kLookUs = 1'000'000;     // how often the mark is looked at in silence
constexpr std::int64_t kPauseUs = 100'000;      // after a failure, at first
constexpr std::int64_t kPauseUsMax = 5'000'000;

std::int64_t steady_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string mark_key(const std::string& lookup) { return "waybill:served:" + lookup; }

// The first of them that is an error of Redis's, within a transaction's answer as well.
base::Result<> no_errors(const std::vector<RedisReply>& replies) {
  for (const RedisReply& reply : replies) {
    if (reply.kind == RedisReply::Kind::kError) {
      return base::fail_with(base::Code::kUnavailable, "Redis refuses rows: " + reply.text,
                             "serve: must name a Redis that may be written, with memory left");
    }
    TRY(no_errors(reply.elements));
  }
  return {};
}

// A glob that matches the text alone.
std::string literal(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("*?[]^\\").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

prometheus::Gauge& lag_gauge(const std::string& lookup) {
  return base::gauge("waybill_serve_lag_seconds",
                     "Age of the oldest change that is not in Redis yet", {{"lookup", lookup}});
}

prometheus::Gauge& waiting_gauge(const std::string& lookup) {
  return base::gauge("waybill_serve_waiting_rows", "Changed rows that are not in Redis yet",
                     {{"lookup", lookup}});
}

}  // namespace

RedisPush::RedisPush(ServedState& state, RedisPushOptions options, Owns owns, Tell tell)
    : state_(state),
      options_(std::move(options)),
      owns_(std::move(owns)),
      tell_(std::move(tell)),
      instance_(base::new_uuid()),
      connected_(base::gauge("waybill_serve_connected", "1 while Redis takes served rows")),
      rows_(base::counter("waybill_serve_rows_total", "Served rows that Redis has taken")),
      resyncs_(base::counter("waybill_serve_resyncs_total", "Look-ups that were sent whole")) {
  for (const std::string& name : state_.names()) {
    pending_[name];
    sent_[name];
  }
  state_.watch(this);
}

void RedisPush::start() {
  threads_.run("redis-push", [this](const std::stop_token& stop) { run(stop); });
}

void RedisPush::stop() {
  state_.watch(nullptr);
  threads_.stop();
}

void RedisPush::replaced(const std::string& lookup) {
  give_back(lookup, {.known = true, .whole = true, .since_us = steady_us()});
  wake();
}

void RedisPush::changed(const std::string& lookup, std::vector<std::string> ids) {
  if (ids.empty()) return;
  give_back(lookup,
            {.ids = {std::make_move_iterator(ids.begin()), std::make_move_iterator(ids.end())},
             .since_us = steady_us()});
  wake();
}

void RedisPush::wake() {
  const std::scoped_lock lock(mutex_);
  fresh_ = true;
  changed_.notify_all();
}

void RedisPush::give_back(const std::string& lookup, Pending more) {
  const std::scoped_lock lock(mutex_);
  Pending& pending = pending_[lookup];
  pending.known = pending.known || more.known;
  pending.whole = pending.whole || more.whole;
  if (!pending.whole) pending.ids.merge(more.ids);
  if (pending.ids.size() > kPendingMax) pending.whole = true;
  if (pending.whole) pending.ids.clear();
  if (pending.since_us == 0 || (more.since_us != 0 && more.since_us < pending.since_us))
    pending.since_us = more.since_us;
}

RedisPush::Pending RedisPush::take(const std::string& lookup) {
  const std::scoped_lock lock(mutex_);
  Pending& pending = pending_[lookup];
  Pending taken = std::move(pending);
  pending = {.known = taken.known};
  return taken;
}

std::string RedisPush::new_mark() { return fmt::format("{}:{}", instance_, ++marks_); }

void RedisPush::show_lag(const std::string& lookup) {
  const std::scoped_lock lock(mutex_);
  const Pending& pending = pending_[lookup];
  const std::int64_t sending_us = sent_[lookup].since_us;
  const std::int64_t since_us = sending_us != 0 ? sending_us : pending.since_us;
  const bool waits = since_us != 0 && owns_(lookup);
  lag_gauge(lookup).Set(waits ? static_cast<double>(steady_us() - since_us) / 1e6 : 0);
  const std::size_t rows = pending.whole ? state_.table(lookup)->size() : pending.ids.size();
  waiting_gauge(lookup).Set(waits ? static_cast<double>(rows) : 0);
}

// Until something has changed, or that long.
void RedisPush::wait(const std::stop_token& stop, std::int64_t us) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, std::chrono::microseconds(us), [&] { return fresh_; });
}

void RedisPush::run(const std::stop_token& stop) {
  std::int64_t pause_us = kPauseUs;
  while (!stop.stop_requested()) {
    const base::Result<> done = remote_ ? base::Result<>() : connect();
    const base::Result<> sent = done ? round(stop) : done;
    for (const auto& [lookup, unused] : sent_) show_lag(lookup);
    connected_.Set(sent ? 1 : 0);
    if (sent) {
      tell_(nullptr);
      pause_us = kPauseUs;
      wait(stop, kLookUs);
      continue;
    }
    remote_.reset();
    tell_(&sent.error());
    std::mutex asleep;
    std::condition_variable_any bell;
    std::unique_lock lock(asleep);
    bell.wait_for(lock, stop, std::chrono::microseconds(pause_us), [] { return false; });
    pause_us = std::min(2 * pause_us, kPauseUsMax);
  }
}

base::Result<> RedisPush::connect() {
  auto remote = RedisRemote::connect(options_.url);
  if (!remote) {
    return std::unexpected(std::move(remote).error().in(
        fmt::format("served rows do not reach Redis at {}", options_.url.address())));
  }
  remote_ = *std::move(remote);
  for (auto& [lookup, sent] : sent_) {
    if (!sent.mark.empty()) TRY(check_mark(lookup));
  }
  return {};
}

// What Redis holds is known when it has the mark that was sent last; the answer to that may have
// been lost.
base::Result<> RedisPush::check_mark(const std::string& lookup) {
  Sent& sent = sent_[lookup];
  const RedisReply mark = TRY(remote_->ask({"GET", mark_key(lookup)}));
  const bool known = mark.kind == RedisReply::Kind::kText &&
                     (mark.text == sent.mark || mark.text == sent.under_way);
  sent = {.mark = known ? mark.text : ""};
  return {};
}

base::Result<> RedisPush::round(const std::stop_token& stop) {
  {
    const std::scoped_lock lock(mutex_);
    fresh_ = false;
  }
  for (auto& [lookup, sent] : sent_) {
    if (stop.stop_requested()) return {};
    if (!owns_(lookup)) continue;
    if (!sent.mark.empty()) TRY(check_mark(lookup));
    Pending taken = take(lookup);
    sent.since_us = taken.since_us;
    const base::Result<> done = taken.known ? send(lookup, taken, stop) : base::Result<>();
    // Which of them are in Redis need not be known: they are sent again.
    if (!taken.known || !done || stop.stop_requested()) give_back(lookup, std::move(taken));
    sent.since_us = 0;
    TRY(done);
  }
  return {};
}

base::Result<> RedisPush::send(const std::string& lookup, const Pending& changes,
                               const std::stop_token& stop) {
  if (changes.whole || sent_[lookup].mark.empty()) return send_whole(lookup, stop);
  return changes.ids.empty() ? base::Result<>() : send_changes(lookup, changes, stop);
}

base::Result<> RedisPush::send_changes(const std::string& lookup, const Pending& changes,
                                       const std::stop_token& stop) {
  const std::vector<std::string> ids(changes.ids.begin(), changes.ids.end());
  for (std::size_t at = 0; at < ids.size() && !stop.stop_requested();) {
    const std::size_t rows = TRY(send_batch(lookup, std::span(ids).subspan(at)));
    if (rows == 0) return send_whole(lookup, stop);
    at += rows;
    show_lag(lookup);
  }
  return {};
}

base::Result<std::size_t> RedisPush::send_batch(const std::string& lookup,
                                                std::span<const std::string> ids) {
  Sent& sent = sent_[lookup];
  const std::string key = mark_key(lookup);
  sent.under_way = new_mark();
  remote_->add({"MULTI"});
  remote_->add({"GET", key});
  std::size_t rows = 0;
  for (std::size_t bytes = 0; rows < std::min(ids.size(), kBatchRows) && bytes < kBatchBytes;
       ++rows)
    bytes += add_row(lookup, ids[rows]);
  remote_->add({"SET", key, sent.under_way});
  remote_->add({"EXEC"});
  const std::vector<RedisReply> replies = TRY(remote_->all());
  const auto fine = no_errors(replies);
  if (!fine) {
    sent = {.since_us = sent.since_us};
    TRY(fine);
  }
  const RedisReply& before = replies.back().elements.at(0);
  const bool known = before.kind == RedisReply::Kind::kText && before.text == sent.mark;
  sent.mark = known ? std::exchange(sent.under_way, "") : "";
  if (!known) return 0UL;
  rows_.Increment(static_cast<double>(rows));
  return rows;
}

// About how many bytes that are.
std::size_t RedisPush::add_row(const std::string& lookup, const std::string& id) {
  const std::string key = lookup + ":" + id;
  std::string row;
  std::int64_t expires_ms = 0;
  const bool found = state_.table(lookup)->look(id, [&](std::string_view json, std::int64_t at_ms) {
    row = json;
    expires_ms = at_ms;
  });
  if (!found || options_.hashes) remote_->add({"DEL", key});
  if (!found) return key.size();
  if (options_.hashes) {
    const auto fields = row_fields(row);
    std::vector<std::string_view> words{"HSET", key};
    for (const auto& [name, value] : fields) {
      words.push_back(name);
      words.push_back(value);
    }
    remote_->add(words);
  } else {
    remote_->add({"SET", key, row});
  }
  if (expires_ms != 0) remote_->add({"PEXPIREAT", key, fmt::to_string(expires_ms)});
  return key.size() + row.size();
}

base::Result<> RedisPush::send_whole(const std::string& lookup, const std::stop_token& stop) {
  Sent& sent = sent_[lookup];
  sent.mark.clear();
  resyncs_.Increment();
  std::size_t rows = 0;
  const ServedTable& table = *state_.table(lookup);
  std::uint64_t cursor = 0;
  do {
    std::size_t bytes = 0;
    std::vector<std::string> ids;
    cursor = table.scan(cursor, kBatchRows, [&](std::string_view id) { ids.emplace_back(id); });
    rows += ids.size();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      bytes += add_row(lookup, ids[i]);
      if (bytes < kBatchBytes && i + 1 < ids.size()) continue;
      TRY(no_errors(TRY(remote_->all())));
      bytes = 0;
      show_lag(lookup);
    }
  } while (cursor != 0 && !stop.stop_requested());
  TRY(delete_others(lookup, stop));
  if (stop.stop_requested()) return {};
  const std::string mark = new_mark();
  TRY(remote_->ask({"SET", mark_key(lookup), mark}));
  sent.mark = mark;
  rows_.Increment(static_cast<double>(rows));
  spdlog::info("serve: {} is in Redis at {}, {} rows", lookup, options_.url.address(), rows);
  return {};
}

// Rows come and go meanwhile: what comes is sent by later rounds, and is not in the way of this
// one.
base::Result<> RedisPush::delete_others(const std::string& lookup, const std::stop_token& stop) {
  const std::string pattern = literal(lookup + ":") + "*";
  std::string cursor = "0";
  do {
    const RedisReply page = TRY(remote_->ask({"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"}));
    if (page.elements.size() != 2)
      return base::fail(base::Code::kUnavailable, "Redis's answer to SCAN is none");
    cursor = page.elements[0].text;
    for (const RedisReply& key : page.elements[1].elements) {
      if (!state_.table(lookup)->contains(key.text.substr(lookup.size() + 1)))
        remote_->add({"DEL", key.text});
    }
    TRY(no_errors(TRY(remote_->all())));
  } while (cursor != "0" && !stop.stop_requested());
  return {};
}

}  // namespace server
