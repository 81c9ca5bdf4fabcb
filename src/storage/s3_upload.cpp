// Uploading of files, in parts when they are large, and the URL of a lake on S3.
#include <fmt/format.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "storage/s3_client.h"
#include "storage/s3_xml.h"

namespace storage {
namespace {

constexpr std::uint64_t kPartsMax = 10'000;
constexpr int kUploadsMax = 3;  // of one file

base::Result<std::string> read_piece(const base::File& file, std::uint64_t from,
                                     std::uint64_t bytes) {
  std::string piece(bytes, '\0');
  const auto into = std::as_writable_bytes(std::span(piece.data(), piece.size()));
  std::size_t done = 0;
  while (done < bytes) {
    const std::size_t read = TRY(file.read_at(from + done, into.subspan(done)));
    if (read == 0)
      return base::fail(base::Code::kIo, "a file became shorter while it was uploaded");
    done += read;
  }
  return piece;
}

}  // namespace

base::Result<S3Location> parse_s3_url(std::string_view url) {
  const auto refuse = [url](std::string_view why) {
    return base::fail_with(
        base::Code::kInvalid, fmt::format("the lake's URL {} {}", url, why),
        "write s3://bucket/prefix?endpoint=http://host:port&region=eu-central-1&path_style=true");
  };
  constexpr std::string_view kScheme = "s3://";
  if (!url.starts_with(kScheme)) return refuse("does not begin with s3://");
  const std::size_t question = std::min(url.find('?'), url.size());
  std::string_view place = url.substr(kScheme.size(), question - kScheme.size());
  std::string_view query = url.substr(std::min(question + 1, url.size()));
  const std::size_t slash = std::min(place.find('/'), place.size());
  S3Location location{.bucket = std::string(place.substr(0, slash))};
  if (location.bucket.empty()) return refuse("names no bucket");
  place.remove_prefix(std::min(slash + 1, place.size()));
  while (place.ends_with('/')) place.remove_suffix(1);
  location.prefix = place;
  std::optional<bool> path_style;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view name = pair.substr(0, equals);
    const std::string value(pair.substr(std::min(equals + 1, pair.size())));
    if (name == "endpoint") {
      location.endpoint = value;
      while (location.endpoint.ends_with('/')) location.endpoint.pop_back();
      const bool web = value.starts_with("http://") || value.starts_with("https://");
      if (!web) return refuse("has an endpoint that is no http:// or https:// address");
    } else if (name == "region") {
      location.region = value;
    } else if (name == "path_style" && (value == "true" || value == "false")) {
      path_style = value == "true";
    } else {
      return refuse(fmt::format("has \"{}\", which means nothing", pair));
    }
  }
  location.path_style = path_style.value_or(!location.endpoint.empty());
  return location;
}

base::Result<> S3Client::upload(const std::string& key, const base::File& file) {
  const std::uint64_t size = TRY(file.size());
  for (int again = kUploadsMax; size > options_.multipart_from_bytes;) {
    auto done = upload_parts(key, file, size);
    // The server forgot the upload, or has parts otherwise than they were sent.
    const bool anew = !done && done.error().code == base::Code::kConflict && --again > 0;
    if (!anew) return done;
  }
  const std::string data = TRY(read_piece(file, 0, size));
  return put(key, data);
}

base::Result<std::string> S3Client::upload_part(const std::string& key, const base::File& file,
                                                const std::string& upload_id, std::uint64_t number,
                                                std::uint64_t size) {
  const std::uint64_t bytes = std::max<std::uint64_t>(options_.part_bytes, size / kPartsMax + 1);
  const std::uint64_t from = number * bytes;
  const std::string piece = TRY(read_piece(file, from, std::min(bytes, size - from)));
  const auto outcome =
      TRY(perform({.method = "PUT",
                   .key = whole_key(key),
                   .query = {{"partNumber", std::to_string(number + 1)}, {"uploadId", upload_id}},
                   .body = piece}));
  const auto etag = outcome.answer.headers.find("etag");
  if (etag == outcome.answer.headers.end()) {
    return base::fail(base::Code::kUnavailable, "part {} of {} was answered without an ETag",
                      number + 1, describe(key));
  }
  return etag->second;
}

base::Result<> S3Client::upload_parts(const std::string& key, const base::File& file,
                                      std::uint64_t size) {
  const auto begun =
      TRY(perform({.method = "POST", .key = whole_key(key), .query = {{"uploads", ""}}}));
  const std::string id = TRY(parse_upload_id(begun.answer.body));
  const std::uint64_t bytes = std::max<std::uint64_t>(options_.part_bytes, size / kPartsMax + 1);
  std::vector<std::string> etags((size + bytes - 1) / bytes);
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  base::Result<> result;
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::min(options_.threads, etags.size()); ++i) {
      threads.emplace_back([&] {
        for (std::size_t part = next++; part < etags.size(); part = next++) {
          auto etag = upload_part(key, file, id, part, size);
          const std::scoped_lock lock(mutex);
          if (etag) {
            etags[part] = *std::move(etag);
          } else if (result) {
            result = std::unexpected(std::move(etag).error());
            next = etags.size();
          }
        }
      });
    }
  }
  if (result) {
    const std::string body = print_completion(etags);
    auto done = perform({.method = "POST",
                         .key = whole_key(key),
                         .query = {{"uploadId", id}},
                         .headers = {{"content-type", "application/xml"}},
                         .body = body});
    if (!done) {
      // An answer that was lost: the upload is over and the object is there.
      const auto there = head(key);
      if (there && there->size == size && done.error().code == base::Code::kConflict) return {};
      result = std::unexpected(std::move(done).error());
    } else if (const S3Error said = parse_s3_error(done->answer.body); !said.code.empty()) {
      // S3 answers 200 before it knows, and may tell of a failure in the body.
      result = base::fail(base::Code::kUnavailable, "{} could not be put together: {} {}",
                          describe(key), said.code, said.message);
    }
  }
  if (result) return {};
  static_cast<void>(
      perform({.method = "DELETE", .key = whole_key(key), .query = {{"uploadId", id}}}));
  return result;
}

}  // namespace storage
