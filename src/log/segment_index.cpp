#include "log/segment_index.h"

#include <algorithm>

#include "base/crc32c.h"

namespace eventlog {
namespace {
constexpr std::string_view kName = "waybill-index-3";

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}
}  // namespace

void SegmentState::add(const BatchHeader& header, std::uint64_t position) {
  const std::uint64_t indexed = index.empty() ? 0 : index.back().position;
  if (position - indexed >= kIndexEveryBytes) {
    index.push_back({header.base_offset, position, max_timestamp_ms});
  }
  end_offset = header.last_offset() + 1;
  end_position = position + header.size();
  max_timestamp_ms = std::max(max_timestamp_ms, header.max_timestamp_ms);
}

std::uint64_t SegmentState::position_of(Offset offset) const {
  const auto after =
      std::upper_bound(index.begin(), index.end(), offset,
                       [](Offset o, const IndexEntry& entry) { return o < entry.offset; });
  return after == index.begin() ? 0 : std::prev(after)->position;
}

std::uint64_t SegmentState::position_of_time(std::int64_t time_ms) const {
  const auto after = std::partition_point(
      index.begin(), index.end(),
      [time_ms](const IndexEntry& entry) { return entry.timestamp_ms < time_ms; });
  return after == index.begin() ? 0 : std::prev(after)->position;
}

nlohmann::json to_json(const SegmentState& state) {
  nlohmann::json entries = nlohmann::json::array();
  for (const IndexEntry& entry : state.index) {
    entries.push_back({entry.offset, entry.position, entry.timestamp_ms});
  }
  nlohmann::json aborted = nlohmann::json::array();
  for (const AbortedRange& range : state.aborted) {
    aborted.push_back({range.producer_id, range.first_offset, range.last_offset});
  }
  return {{"end_offset", state.end_offset},
          {"end_position", state.end_position},
          {"max_timestamp_ms", state.max_timestamp_ms},
          {"started_us", state.started_us},
          {"last_append_us", state.last_append_us},
          {"index", std::move(entries)},
          {"aborted", std::move(aborted)},
          {"open", state.open}};
}

SegmentState state_from_json(const nlohmann::json& json) {
  SegmentState state{.end_offset = json.at("end_offset").get<Offset>(),
                     .end_position = json.at("end_position").get<std::uint64_t>(),
                     .max_timestamp_ms = json.at("max_timestamp_ms").get<std::int64_t>(),
                     .started_us = json.at("started_us").get<std::int64_t>(),
                     .last_append_us = json.at("last_append_us").get<std::int64_t>()};
  for (const nlohmann::json& entry : json.at("index")) {
    state.index.push_back({entry.at(0).get<Offset>(), entry.at(1).get<std::uint64_t>(),
                           entry.at(2).get<std::int64_t>()});
  }
  for (const nlohmann::json& range : json.at("aborted")) {
    state.aborted.push_back(
        {range.at(0).get<std::int64_t>(), range.at(1).get<Offset>(), range.at(2).get<Offset>()});
  }
  state.open = json.at("open").get<std::vector<std::pair<std::int64_t, Offset>>>();
  return state;
}

std::string sealed(std::string_view name, const nlohmann::json& json) {
  const std::string body = json.dump();
  return fmt::format("{} {:08x}\n{}", name, base::crc32c(bytes_of(body)), body);
}

std::optional<nlohmann::json> unsealed(std::string_view name, std::string_view text) {
  const std::size_t line_end = text.find('\n');
  if (line_end == std::string_view::npos) return std::nullopt;
  const std::string_view body = text.substr(line_end + 1);
  if (text.substr(0, line_end) != fmt::format("{} {:08x}", name, base::crc32c(bytes_of(body)))) {
    return std::nullopt;
  }
  auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_discarded()) return std::nullopt;
  return json;
}

base::Result<> save_index(base::FileSystem& disk, const base::Path& path,
                          const SegmentState& state) {
  const std::string text = sealed(kName, to_json(state));
  const auto file = TRY(disk.open(path, true));
  TRY(file->truncate(0));
  TRY(file->write_at(0, bytes_of(text)));
  return file->sync();
}

std::optional<SegmentState> load_index(base::FileSystem& disk, const base::Path& path) {
  const auto text = base::read_file(disk, path);
  if (!text) return std::nullopt;
  const auto json = unsealed(kName, *text);
  if (!json) return std::nullopt;
  try {
    return state_from_json(*json);
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace eventlog
