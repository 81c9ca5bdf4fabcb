// What a pipeline says of itself.
#include "base/metrics.h"
#include "stream/pipeline.h"

namespace stream {

base::Result<Offsets> Pipeline::consumed() const {
  Offsets offsets;
  for (const schema::TopicSchema& topic : topics_) {
    const eventlog::TopicInfo info = TRY(services_.log.topic(topic.topic.name));
    for (std::size_t p = 0; p < info.start_offsets.size(); ++p) {
      offsets[{topic.topic.name, static_cast<eventlog::Partition>(p)}] = info.start_offsets[p];
    }
  }
  if (const auto saved = TRY(read_position(services_.store, name_))) {
    for (const auto& [source, to] : saved->offsets) offsets[source] = to;
  }
  return offsets;
}

PipelineStatus Pipeline::status() const {
  PipelineStatus status;
  {
    const std::scoped_lock lock(mutex_);
    status = status_;
  }
  const auto empty = reader_->empty_ahead();  // before the offsets: see below
  const auto offsets = consumed();
  if (!offsets) return status;
  std::map<std::string, std::vector<eventlog::Offset>> ends;
  for (const schema::TopicSchema& topic : topics_) {
    const auto info = services_.log.topic(topic.topic.name);
    if (!info) return status;
    ends[topic.topic.name] = info->stable_offsets;
  }
  for (const auto& [source, to] : *offsets) {
    const auto partition = static_cast<std::size_t>(source.partition);
    // What held no row when nothing else waited holds none now, if nothing was committed since.
    const auto passed = empty.find(source);
    const bool holds = passed != empty.end() && passed->second.from == to;
    status.lag_records += std::max<std::int64_t>(
        0, ends.at(source.topic).at(partition) - (holds ? passed->second.to : to));
  }
  if (status.lag_records > 0 && status.committed_us > 0) {
    status.lag_seconds = static_cast<double>(services_.clock.now_us() - status.committed_us) / 1e6;
  }
  base::gauge("waybill_pipeline_lag_records",
              "Records in the log that no committed epoch has taken in.", {{"pipeline", name_}})
      .Set(static_cast<double>(status.lag_records));
  return status;
}

base::Result<Pipeline::Epochs> Pipeline::epochs() const {
  Epochs epochs;
  if (const auto plan = TRY(read_plan(services_.store, name_))) epochs.planned = plan->number;
  if (const auto position = TRY(read_position(services_.store, name_)))
    epochs.committed = position->epoch;
  return epochs;
}

std::string Pipeline::served(const std::string& table) const {
  for (const auto& op : operators_) {
    if (op->model().table == table) return op->served();
  }
  return "";
}

}  // namespace stream
