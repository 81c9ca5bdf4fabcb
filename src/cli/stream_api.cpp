// The running plans as the page draws them.
#include "cli/platform.h"

namespace cli {

using nlohmann::json;

// Per pipeline: its status, topics with what waits in them, and models with their plan, their rows
// so far (the ledger's sums) and what their last epoch did.
base::Result<json> Platform::streams() {
  std::map<std::string, runs::Counts> sums;
  for (const state::Store* store : units_->stores()) {
    for (const runs::LedgerLine& line : TRY(runs::ledger(*store))) sums[line.model] += line.counts;
  }
  const base::TimestampUs now_us = clock_.now_us();
  json list = json::array();
  for (const auto& pipeline : pipelines()) {
    json entry = pipeline_status(*pipeline, now_us);
    const json plan = pipeline->running_plan();
    const bool here = !units_->shared() || units_->running(unit_of(pipeline->name()));
    entry["here"] = here;
    entry["now"] = base::format_rfc3339(now_us);
    entry["topics"] = json::array();
    const stream::Offsets consumed = TRY(pipeline->consumed());
    for (const schema::TopicSchema& topic : pipeline->topics()) {
      const eventlog::TopicInfo info = TRY(log_->topic(topic.topic.name));
      std::int64_t end = 0;
      std::int64_t taken = 0;
      for (std::size_t p = 0; p < info.stable_offsets.size(); ++p) {
        end += info.stable_offsets[p];
        const auto at = consumed.find({topic.topic.name, static_cast<eventlog::Partition>(p)});
        taken += at == consumed.end() ? 0 : at->second;
      }
      entry["topics"].push_back({{"topic", topic.topic.name},
                                 {"partitions", info.stable_offsets.size()},
                                 {"records", end},
                                 {"taken", taken}});
    }
    entry["plan"] = plan.value("models", json::array());
    for (json& model : entry["plan"]) {
      const std::string table = model.at("model");
      model["rows"] = runs::to_json(sums[table]);
      model["behind"] = pipeline->is_behind(table);
    }
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace cli
