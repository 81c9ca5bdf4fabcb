#include "cli/lake_place.h"

#include <cctype>
#include <charconv>
#include <cmath>

namespace cli {
namespace {

constexpr std::uint64_t kCacheBytesMin = 64'000'000;
constexpr std::uint64_t kCacheBytesMax = 1ULL << 50;

// "10 GB", "512MB", "1.5 TB": as disks are sold, in powers of 1000.
std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  double number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{} || !(number > 0)) return std::nullopt;
  std::string unit;
  for (const char c : text.substr(static_cast<std::size_t>(end - text.data()))) {
    if (c != ' ') unit += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  const double factor = unit == "MB" ? 1e6 : unit == "GB" ? 1e9 : unit == "TB" ? 1e12 : 0;
  const double bytes = number * factor;
  if (factor == 0 || bytes > static_cast<double>(kCacheBytesMax)) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

base::Result<> read_s3_options(const base::Yaml& yaml, storage::S3StoreOptions& place) {
  TRY(yaml.only({"endpoint", "region", "path_style", "profile", "cache"}));
  storage::S3Location& location = place.location;
  location.endpoint = TRY(yaml.text_or("endpoint", location.endpoint));
  while (location.endpoint.ends_with('/')) location.endpoint.pop_back();
  if (yaml.has("endpoint")) {
    const bool web =
        location.endpoint.starts_with("http://") || location.endpoint.starts_with("https://");
    if (!web) {
      return TRY(yaml.child("endpoint"))
          .fail_here(fmt::format("the endpoint {} is no address", location.endpoint),
                     "write 'endpoint: http://host:port' or https://");
    }
    location.path_style = true;
  }
  location.region = TRY(yaml.text_or("region", location.region));
  location.path_style = TRY(yaml.boolean_or("path_style", location.path_style));
  place.profile = TRY(yaml.text_or("profile", ""));
  if (yaml.has("cache")) {
    const auto bytes = parse_bytes(TRY(yaml.text("cache")));
    if (!bytes || *bytes < kCacheBytesMin) {
      return TRY(yaml.child("cache"))
          .fail_here("the cache of a lake on S3 is a size from 64 MB on", "write 'cache: 10 GB'");
    }
    place.cache_bytes_max = *bytes;
  }
  return {};
}

}  // namespace

base::Result<std::optional<storage::S3StoreOptions>> read_lake_place(const base::Yaml& yaml) {
  if (!yaml.has("lake")) {
    if (!yaml.has("s3")) return std::optional<storage::S3StoreOptions>();
    return TRY(yaml.child("s3"))
        .fail_here("'s3' says how to reach a lake that 'lake' does not name",
                   "write 'lake: s3://bucket/prefix' too");
  }
  const base::Yaml lake = TRY(yaml.child("lake"));
  auto location = storage::parse_s3_url(TRY(lake.scalar()));
  if (!location) return std::unexpected(std::move(location).error().at(yaml.file(), lake.line()));
  storage::S3StoreOptions place{.location = *std::move(location), .cache = {}};
  if (yaml.has("s3")) TRY(read_s3_options(TRY(yaml.child("s3")), place));
  return place;
}

base::Result<std::unique_ptr<storage::ObjectStore>> open_lake_place(
    const std::optional<storage::S3StoreOptions>& place, const base::Path& folder,
    const base::Path& cache) {
  base::FileSystem& disk = base::posix_file_system();
  if (!place) {
    TRY(disk.create_directories(folder));
    return storage::local_store(disk, folder);
  }
  static const base::SystemClock clock;
  storage::S3StoreOptions options = *place;
  options.cache = std::filesystem::absolute(cache);
  return storage::s3_store(disk, clock, options);
}

}  // namespace cli
