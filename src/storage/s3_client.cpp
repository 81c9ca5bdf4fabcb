#include "storage/s3_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <random>
#include <thread>

#include "base/logging.h"
#include "base/metrics.h"
#include "base/uuid.h"
#include "storage/s3_errors.h"
#include "storage/s3_xml.h"

namespace storage {
namespace {

constexpr int kVisibleTries = 5;
constexpr std::size_t kObjectBytesMax = 1UL << 30;  // of what is read into memory

// Seconds of a Retry-After header as microseconds; 0 when there is none.
std::int64_t retry_after_us(const HttpAnswer& answer) {
  const auto it = answer.headers.find("retry-after");
  if (it == answer.headers.end()) return 0;
  std::int64_t seconds = 0;
  const auto* const end = it->second.data() + it->second.size();
  if (std::from_chars(it->second.data(), end, seconds).ptr != end || seconds < 0) return 0;
  return seconds * base::kUsPerSecond;
}

}  // namespace

RetryWorld real_retry_world(const base::Clock& clock) {
  return {.clock = clock,
          .sleep_us =
              [](std::int64_t us) { std::this_thread::sleep_for(std::chrono::microseconds(us)); },
          .random =
              [] {
                thread_local std::mt19937_64 engine{std::random_device{}()};
                return std::uniform_real_distribution<double>(0, 1)(engine);
              }};
}

S3Client::S3Client(HttpClient& http, CredentialChain& credentials, RetryWorld world,
                   S3Location location, S3Options options)
    : http_(http),
      credentials_(credentials),
      world_(std::move(world)),
      location_(std::move(location)),
      options_(options) {
  region_ =
      !location_.region.empty() ? location_.region : credentials_.region().value_or("us-east-1");
  const std::string endpoint = location_.endpoint.empty()
                                   ? fmt::format("https://s3.{}.amazonaws.com", region_)
                                   : location_.endpoint;
  const std::size_t scheme = endpoint.find("://") + 3;
  host_ = endpoint.substr(scheme);
  if (!location_.path_style) host_ = location_.bucket + "." + host_;
  scheme_and_host_ = endpoint.substr(0, scheme) + host_;
}

std::string S3Client::whole_key(const std::string& key) const {
  if (location_.prefix.empty()) return key;
  return key.empty() ? location_.prefix + "/" : location_.prefix + "/" + key;
}

std::string S3Client::describe(const std::string& key) const {
  return fmt::format("s3://{}/{}", location_.bucket, whole_key(key));
}

HttpRequest S3Client::signed_request(const Call& call, const Credentials& credentials) {
  UnsignedRequest unsigned_request{
      .method = call.method,
      .path = location_.path_style ? "/" + location_.bucket + "/" + call.key : "/" + call.key,
      .query = call.query,
      .headers = call.headers,
      .payload_sha256 = sha256_hex(call.body)};
  unsigned_request.headers["host"] = host_;
  sign(unsigned_request, credentials, {.region = region_, .service = "s3"}, world_.clock.now_us());
  HttpRequest request{.method = call.method,
                      .url = scheme_and_host_ + request_target(unsigned_request),
                      .headers = std::move(unsigned_request.headers),
                      .body = call.body,
                      .timeout_ms = options_.try_timeout_ms,
                      .answer_bytes_max = kObjectBytesMax,
                      .into = call.into};
  return request;
}

base::Error S3Client::error_of(const Call& call, const HttpAnswer& answer) const {
  return to_error({.method = call.method,
                   .bucket = location_.bucket,
                   .key = call.key,
                   .region = region_,
                   .now_us = world_.clock.now_us()},
                  answer);
}

base::Result<HttpAnswer> S3Client::try_once(const Call& call, const Credentials& credentials) {
  static constexpr const char* kSeconds = "waybill_s3_request_seconds";
  static constexpr const char* kHelp = "From a request to S3 to the last byte of its answer";
  const auto began = std::chrono::steady_clock::now();
  auto answer = http_.send(signed_request(call, credentials));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  base::histogram(kSeconds, kHelp, {{"method", call.method}}).Observe(took.count());
  return answer;
}

// A 2xx answer, or what the last try came to.
base::Result<S3Client::Outcome> S3Client::perform(const Call& call) {
  const base::TimestampUs deadline = world_.clock.now_us() + options_.deadline_us;
  bool ambiguous = false;
  bool renewed = false;
  for (int tries = 0;; ++tries) {
    const Credentials credentials = TRY(credentials_.credentials());
    auto answer = try_once(call, credentials);
    if (!answer && answer.error().code != base::Code::kUnavailable)
      return std::unexpected(std::move(answer).error());
    if (answer && answer->status / 100 == 2) return Outcome{std::move(*answer), ambiguous};
    const std::string code = answer ? parse_s3_error(answer->body).code : "";
    const bool expired = code == "ExpiredToken" || code == "InvalidToken";
    const bool again = !answer || is_passing(answer->status) ||
                       code == "ConditionalRequestConflict" || code == "OperationAborted" ||
                       (expired && !renewed);
    if (!answer || answer->status / 100 == 5) ambiguous = true;
    if (expired) {
      credentials_.expire();
      renewed = true;
    }
    if (!again && answer->status == 412) return Outcome{std::move(*answer), ambiguous};
    if (!again) return std::unexpected(error_of(call, *answer));
    // Full jitter: anything between nothing and the doubled bound.
    const double bound = std::min(static_cast<double>(options_.pause_max_us),
                                  static_cast<double>(options_.first_pause_us) *
                                      static_cast<double>(1ULL << std::min(tries, 20)));
    const auto jitter = static_cast<std::int64_t>(bound * world_.random());
    const std::int64_t pause = std::max(jitter, answer ? retry_after_us(*answer) : 0);
    if (world_.clock.now_us() + pause >= deadline) {
      base::Error error = answer ? error_of(call, *answer) : std::move(answer).error();
      error.code = base::Code::kUnavailable;
      error.message += fmt::format(" (tried {} times)", tries + 1);
      return std::unexpected(std::move(error));
    }
    static auto& retries = base::counter("waybill_s3_retries_total", "Requests to S3 sent again");
    retries.Increment();
    world_.sleep_us(pause);
  }
}

base::Result<std::string> S3Client::get(const std::string& key) {
  auto outcome = TRY(perform({.method = "GET", .key = whole_key(key)}));
  return std::move(outcome.answer.body);
}

base::Result<std::uint64_t> S3Client::download(const std::string& key, base::File& into) {
  const auto outcome = TRY(perform({.method = "GET", .key = whole_key(key), .into = &into}));
  return outcome.answer.bytes;
}

base::Result<> S3Client::put(const std::string& key, std::string_view data) {
  TRY(perform({.method = "PUT", .key = whole_key(key), .body = data}));
  return {};
}

base::Result<> S3Client::put_if_absent(const std::string& key, std::string_view data) {
  const Call call{
      .method = "PUT", .key = whole_key(key), .headers = {{"if-none-match", "*"}}, .body = data};
  const auto outcome = TRY(perform(call));
  if (outcome.answer.status / 100 == 2) return {};
  if (outcome.ambiguous) {
    const std::string there = TRY(get(key));
    if (there == data) return {};
  }
  // Some servers refuse for an object that they show only a moment later: who is told that it
  // exists is going to read it.
  for (int i = 0; i < kVisibleTries; ++i) {
    const auto seen = head(key);
    if (seen || seen.error().code != base::Code::kNotFound) break;
    world_.sleep_us(options_.first_pause_us);
  }
  return std::unexpected(error_of(call, outcome.answer));
}

base::Result<> S3Client::remove(const std::string& key) {
  auto outcome = perform({.method = "DELETE", .key = whole_key(key)});
  if (!outcome && outcome.error().code != base::Code::kNotFound)
    return std::unexpected(std::move(outcome).error());
  return {};
}

base::Result<ObjectInfo> S3Client::head(const std::string& key) {
  const auto outcome = TRY(perform({.method = "HEAD", .key = whole_key(key)}));
  const auto& headers = outcome.answer.headers;
  ObjectInfo info{.key = key};
  if (const auto it = headers.find("content-length"); it != headers.end())
    std::from_chars(it->second.data(), it->second.data() + it->second.size(), info.size);
  if (const auto it = headers.find("last-modified"); it != headers.end())
    info.modified_us = parse_http_date(it->second).value_or(0);
  return info;
}

base::Result<S3Client::Listing> S3Client::list_all(const std::string& prefix,
                                                   const std::string& start_after, bool by_folder) {
  const std::size_t own = location_.prefix.empty() ? 0 : location_.prefix.size() + 1;
  Listing all;
  std::string token;
  do {
    Call call{
        .method = "GET",
        .key = "",
        .query = {{"list-type", "2"}, {"encoding-type", "url"}, {"prefix", whole_key(prefix)}}};
    if (by_folder) call.query.emplace_back("delimiter", "/");
    if (!token.empty()) {
      call.query.emplace_back("continuation-token", token);
    } else if (!start_after.empty()) {
      call.query.emplace_back("start-after", whole_key(start_after));
    }
    const auto outcome = TRY(perform(call));
    ListPage page = TRY(parse_list_page(outcome.answer.body));
    for (ObjectInfo& object : page.objects) {
      if (object.key.size() <= own || object.key.ends_with('/')) continue;  // a folder's mark
      object.key.erase(0, own);
      if (object.key > start_after) all.objects.push_back(std::move(object));
    }
    for (std::string& folder : page.prefixes) all.prefixes.push_back(folder.substr(own));
    token = std::move(page.next_token);
  } while (!token.empty());
  return all;
}

base::Result<std::vector<ObjectInfo>> S3Client::list(const std::string& prefix,
                                                     const std::string& start_after) {
  auto listing = TRY(list_all(prefix, start_after, false));
  std::ranges::sort(listing.objects, {}, &ObjectInfo::key);
  return std::move(listing.objects);
}

base::Result<std::vector<std::string>> S3Client::folders(const std::string& prefix) {
  auto listing = TRY(list_all(prefix, "", true));
  std::vector<std::string> names;
  for (const std::string& folder : listing.prefixes)
    names.push_back(folder.substr(prefix.size(), folder.size() - prefix.size() - 1));
  return names;
}

base::Result<> S3Client::check_conditional_writes() {
  const std::string key = ".waybill-conditional-write-" + base::new_uuid();
  TRY(put_if_absent(key, "first"));
  const auto second = put_if_absent(key, "second");
  TRY(remove(key));
  if (!second && second.error().code == base::Code::kAlreadyExists) return {};
  if (!second) return std::unexpected(second.error());
  return base::fail_with(base::Code::kUnsupported,
                         fmt::format("{} takes no notice of If-None-Match, so two writers could "
                                     "overwrite each other's commits",
                                     scheme_and_host_),
                         "use a server with conditional writes (AWS S3 and most others have them)");
}

}  // namespace storage
