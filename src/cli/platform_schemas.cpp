// How columns of the schema registry's schemas come into the pipelines: at the start, and while
// they run.
#include <chrono>
#include <thread>

#include "base/logging.h"
#include "cli/platform.h"
#include "sources/remote_registry.h"

namespace cli {

std::vector<std::shared_ptr<stream::Pipeline>> Platform::pipelines() const {
  const std::scoped_lock lock(pipelines_mutex_);
  return pipelines_;
}

// Topics get to know their registry and the columns that its schemas have by now.
base::Result<> Platform::learn_schemas() {
  std::map<std::string, std::shared_ptr<const schema::SchemaLookup>> remotes;
  for (schema::TopicSchema& topic : project_.topics) {
    if (topic.registry.empty()) continue;
    if (topic.registry == "embedded" && registry_ == nullptr) {
      return std::unexpected(
          base::Error{.code = base::Code::kInvalid,
                      .message = fmt::format("topic {} has its schemas in the embedded registry, "
                                             "which there is not with several workers",
                                             topic.topic.name),
                      .mend = "write the address of a registry: 'registry: http://…'"}
              .at(topic.file, 0));
    }
    if (topic.registry == "embedded") {
      topic.lookup = registry_;
    } else {
      auto& remote = remotes[topic.registry];
      if (remote == nullptr) remote = sources::remote_registry(topic.registry);
      topic.lookup = remote;
    }
    if (auto evolved = topic.evolve(); !evolved) {
      // Its columns come when it can be asked.
      alerts_.raise(
          "schemas/" + topic.topic.name, "error",
          fmt::format("the schemas of topic {}: {}", topic.topic.name, evolved.error().to_string()),
          clock_.now_us());
    }
  }
  for (stream::Component& component : components_) {
    for (schema::TopicSchema& topic : component.topics) {
      for (const schema::TopicSchema& known : project_.topics) {
        if (known.topic.name == topic.topic.name) topic = known;
      }
    }
  }
  return {};
}

// A pipeline ends by itself when a record's schema has columns that its tables lack.
void Platform::run_pipeline(std::size_t index, std::stop_token stop) {
  std::int64_t pause_ms = 500;
  while (!stop.stop_requested()) {
    pipelines()[index]->run(stop);
    while (!stop.stop_requested()) {
      const auto made = remake_pipeline(index);
      const std::string alert = "schemas/" + pipelines()[index]->name();
      if (made) {
        alerts_.resolve(alert, clock_.now_us());
        pause_ms = 500;
        break;
      }
      spdlog::error("{}: {}", alert, made.error().to_string());
      alerts_.raise(alert, "critical",
                    fmt::format("new columns cannot be taken up: {}", made.error().to_string()),
                    clock_.now_us());
      for (std::int64_t waited = 0; waited < pause_ms && !stop.stop_requested(); waited += 20)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      pause_ms = std::min<std::int64_t>(2 * pause_ms, 30'000);
    }
  }
}

base::Result<> Platform::remake_pipeline(std::size_t index) {
  stream::Component component = components_[index];
  for (schema::TopicSchema& topic : component.topics) TRY(topic.evolve());
  const std::string unit = unit_of(component.name());
  std::shared_ptr<stream::Pipeline> made =
      TRY(stream::Pipeline::make(services(unit), component, project_.suites, pipeline_options()));
  const std::shared_ptr<stream::Pipeline> old = pipelines()[index];
  const auto hold = old->hold();  // nobody pauses a model between the restore and the swap
  TRY(made->restore());
  components_[index] = std::move(component);  // only this thread reads it by now
  {
    const std::scoped_lock lock(pipelines_mutex_);
    pipelines_[index] = std::move(made);
  }
  old->retire(hold);
  return {};
}

}  // namespace cli
