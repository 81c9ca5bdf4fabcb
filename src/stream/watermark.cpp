#include "stream/watermark.h"

#include <fmt/format.h>

#include <algorithm>

namespace stream {

void Watermark::expect(const eventlog::TopicPartition& source, base::TimestampUs now_us) {
  seen_.try_emplace(source, Seen{kNone, now_us});
}

std::string Watermark::newest_sql(const std::string& time_us, base::TimestampUs now_us) {
  return fmt::format("max({0}) FILTER ({0} <= {1})", time_us, now_us + kFutureAllowedUs);
}

void Watermark::saw(const eventlog::TopicPartition& source, base::TimestampUs newest_us,
                    base::TimestampUs now_us) {
  Seen& seen = seen_[source];
  seen.at_us = now_us;
  if (newest_us <= now_us + kFutureAllowedUs) seen.newest_us = std::max(seen.newest_us, newest_us);
}

void Watermark::advance(base::TimestampUs now_us, bool rows_wait) {
  constexpr base::TimestampUs kAllIdle = 1LL << 62;
  base::TimestampUs oldest = kAllIdle;
  Seen last;
  for (const auto& [source, seen] : seen_) {
    if (rows_wait || seen.at_us + kIdleAfterUs >= now_us) oldest = std::min(oldest, seen.newest_us);
    if (seen.newest_us != kNone && (last.newest_us == kNone || seen.at_us > last.at_us))
      last.at_us = seen.at_us;
    last.newest_us = std::max(last.newest_us, seen.newest_us);
  }
  if (oldest == kAllIdle && last.newest_us == kNone) return;
  if (oldest == kAllIdle) oldest = last.newest_us + (now_us - last.at_us);
  us_ = std::max(us_, oldest - lateness_us_);
}

nlohmann::json Watermark::to_json() const {
  nlohmann::json json{{"watermark_us", us_}, {"partitions", nlohmann::json::array()}};
  for (const auto& [source, seen] : seen_) {
    json["partitions"].push_back({{"topic", source.topic},
                                  {"partition", source.partition},
                                  {"newest_us", seen.newest_us},
                                  {"at_us", seen.at_us}});
  }
  return json;
}

void Watermark::load(const nlohmann::json& json, const std::string& topic) {
  us_ = json.at("watermark_us");
  seen_.clear();
  for (const auto& p : json.at("partitions"))
    seen_[{p.value("topic", topic), p.at("partition")}] = {p.at("newest_us"), p.at("at_us")};
}

}  // namespace stream
