#include "log/checkpoint.h"

#include "base/logging.h"

namespace eventlog {
namespace {
constexpr std::string_view kName = "waybill-log-checkpoint-2";
}

base::Result<> save_checkpoint(base::FileSystem& disk, const base::Path& path,
                               const Checkpoint& checkpoint) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [key, partition] : checkpoint) {
    list.push_back({{"topic_id", key.first},
                    {"partition", key.second},
                    {"base_offset", partition.base_offset},
                    {"segment", to_json(partition.state)},
                    {"producers", to_json(partition.producers)}});
  }
  return base::write_file_durably(disk, path, sealed(kName, list));
}

Checkpoint load_checkpoint(base::FileSystem& disk, const base::Path& path) {
  const auto text = base::read_file(disk, path);
  if (!text) return {};
  const auto json = unsealed(kName, *text);
  if (json) {
    try {
      Checkpoint checkpoint;
      for (const nlohmann::json& entry : *json) {
        checkpoint[{entry.at("topic_id").get<std::string>(),
                    entry.at("partition").get<Partition>()}] = {
            entry.at("base_offset").get<Offset>(), state_from_json(entry.at("segment")),
            producers_from_json(entry.at("producers"))};
      }
      return checkpoint;
    } catch (const nlohmann::json::exception& error) {
      spdlog::warn("log: {}: {}", path.string(), error.what());
    }
  }
  spdlog::warn("log: {} does not hold and is not used: opening reads more", path.string());
  return {};
}

}  // namespace eventlog
