// What a pipeline runs, and what each of its models did last: for people who look on.
#include "base/metrics.h"
#include "state/size.h"
#include "stream/pipeline.h"
#include "stream/step.h"

namespace stream {
namespace {

// After nobody has asked for so long, epochs no longer note their plan.
constexpr std::int64_t kAskedForUs = 30 * base::kUsPerSecond;

void count_rows(const std::string& pipeline, const std::string& model, const std::string& kind,
                std::int64_t rows) {
  if (rows == 0) return;
  base::counter("waybill_model_rows_total", "Rows of a model: taken in, given, late, dead.",
                {{"pipeline", pipeline}, {"model", model}, {"kind", kind}})
      .Increment(static_cast<double>(rows));
}

}  // namespace

void Pipeline::note_work(const std::vector<runs::Run>& runs) {
  for (const runs::Run& run : runs) {
    Work& work = works_[run.model];
    work.epoch = run.epoch;
    work.counts = run.total();
    const runs::Counts& rows = work.counts;
    count_rows(name_, run.model, "in", rows.in);
    count_rows(name_, run.model, "out", rows.made > 0 ? rows.made : rows.out);
    count_rows(name_, run.model, "late", rows.late);
    count_rows(name_, run.model, "dead", rows.dead);
  }
}

// The epoch's lock is held.
void Pipeline::note_plan() {
  if (steady_us() - plan_asked_us_ > kAskedForUs) return;
  nlohmann::json topics = nlohmann::json::array();
  for (const schema::TopicSchema& topic : topics_) topics.push_back(topic.topic.name);
  const auto* sized = dynamic_cast<const state::Sized*>(&services_.store);
  nlohmann::json models = nlohmann::json::array();
  for (const auto& op : operators_) {
    nlohmann::json model = explained(*op);
    nlohmann::json reads = nlohmann::json::array();
    for (const std::string& source : op->plan().sources)
      reads.push_back({{"table", source}, {"static", statics_.contains(source)}});
    model["reads"] = std::move(reads);
    if (sized != nullptr) model["state_bytes"] = sized->bytes_about(op->state_prefix());
    if (const auto work = works_.find(op->model().table);
        work != works_.end() && work->second.epoch > 0) {
      model["last"] = runs::to_json(work->second.counts);
      model["last"]["epoch"] = work->second.epoch;
      model["last"]["elapsed_ms"] = static_cast<double>(work->second.elapsed_us) / 1e3;
    }
    models.push_back(std::move(model));
  }
  const std::scoped_lock lock(mutex_);
  plan_ = {{"topics", std::move(topics)},
           {"models", std::move(models)},
           {"noted_at", base::format_rfc3339(services_.clock.now_us())}};
}

nlohmann::json Pipeline::running_plan() {
  plan_asked_us_ = steady_us();
  if (const std::unique_lock running(running_, std::try_to_lock); running) note_plan();
  const std::scoped_lock lock(mutex_);
  return plan_;
}

}  // namespace stream
