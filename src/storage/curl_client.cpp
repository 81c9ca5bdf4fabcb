#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <mutex>
#include <optional>
#include <vector>

#include "base/check.h"
#include "storage/http_client.h"

namespace storage {
namespace {

constexpr long kConnectTimeoutMs = 5'000;
constexpr std::size_t kIdleHandlesMax = 16;
constexpr std::int64_t kStallFromMs = 15'000;
constexpr long kStallBytesPerSecond = 1'000;

struct Transfer {
  const HttpRequest& request;
  CURL* curl;
  HttpAnswer answer = {};
  std::size_t sent = 0;
  std::optional<base::Error> failed = {};
};

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* of) {
  auto& transfer = *static_cast<Transfer*>(of);
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) transfer.answer.headers.clear();  // of an interim answer
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return line.size();
  std::string name(line.substr(0, colon));
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && std::isspace(static_cast<unsigned char>(value.back())) != 0)
    value.remove_suffix(1);
  transfer.answer.headers[name] = std::string(value);
  return line.size();
}

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* of) {
  auto& transfer = *static_cast<Transfer*>(of);
  const std::size_t bytes = size * count;
  HttpAnswer& answer = transfer.answer;
  if (answer.status == 0) {
    long status = 0;
    curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
  }
  if (transfer.request.into != nullptr && answer.status / 100 == 2) {
    const std::span<const std::byte> piece(reinterpret_cast<const std::byte*>(data), bytes);
    if (auto written = transfer.request.into->write_at(answer.bytes, piece); !written) {
      transfer.failed = written.error();
      return 0;
    }
  } else if (answer.body.size() + bytes > transfer.request.answer_bytes_max) {
    transfer.failed = base::Error{
        .code = base::Code::kLimit,
        .message = fmt::format("the answer of {} has more than {} bytes", transfer.request.url,
                               transfer.request.answer_bytes_max)};
    return 0;
  } else {
    answer.body.append(data, bytes);
  }
  answer.bytes += bytes;
  return bytes;
}

std::size_t on_read(char* to, std::size_t size, std::size_t count, void* of) {
  auto& transfer = *static_cast<Transfer*>(of);
  const std::string_view left = transfer.request.body.substr(transfer.sent);
  const std::size_t bytes = std::min(left.size(), size * count);
  std::copy_n(left.data(), bytes, to);
  transfer.sent += bytes;
  return bytes;
}

int on_seek(void* of, curl_off_t offset, int origin) {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Transfer*>(of)->sent = static_cast<std::size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

std::string mend_of(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "look at the host's name; a server without a name for each bucket needs path style";
    case CURLE_COULDNT_CONNECT:
      return "look whether the server is up and listens on that port";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
      return "look whether the server speaks https there and this machine trusts its certificate";
    default:
      return "look whether the address is right and the server is up";
  }
}

class CurlClient final : public HttpClient {
 public:
  CurlClient() {
    static std::once_flag once;
    std::call_once(once, [] { CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
  }
  ~CurlClient() override {
    for (CURL* const curl : idle_) curl_easy_cleanup(curl);
  }
  CurlClient(const CurlClient&) = delete;
  CurlClient& operator=(const CurlClient&) = delete;

  base::Result<HttpAnswer> send(const HttpRequest& request) override {
    CURL* const curl = take();
    Transfer transfer{.request = request, .curl = curl};
    curl_slist* const headers = set_up(transfer);
    const CURLcode code = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    give_back(curl);
    if (transfer.failed) return std::unexpected(*std::move(transfer.failed));
    if (code != CURLE_OK) {
      return base::fail_with(
          base::Code::kUnavailable,
          fmt::format("no answer from {}: {}", request.url, curl_easy_strerror(code)),
          mend_of(code));
    }
    transfer.answer.status = static_cast<int>(status);
    return std::move(transfer.answer);
  }

 private:
  static curl_slist* set_up(Transfer& transfer) {
    CURL* const curl = transfer.curl;
    const HttpRequest& request = transfer.request;
    curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
    if (request.timeout_ms < kStallFromMs) {
      curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
    } else {
      // A large file may take its time as long as it moves.
      curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, kStallBytesPerSecond);
      curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.timeout_ms / 1000));
    }
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    if (request.method == "HEAD") {
      curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (request.method == "PUT" || request.method == "POST") {
      curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
      curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
      curl_easy_setopt(curl, CURLOPT_READDATA, &transfer);
      curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
      curl_easy_setopt(curl, CURLOPT_SEEKDATA, &transfer);
      curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE,
                       static_cast<curl_off_t>(request.body.size()));
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST,
                     request.method == "HEAD" ? nullptr : request.method.c_str());
    curl_slist* list = curl_slist_append(nullptr, "Expect:");
    for (const auto& [name, value] : request.headers) {
      // libcurl leaves out a header whose value is empty unless it ends in a semicolon.
      list = curl_slist_append(
          list, value.empty() ? (name + ";").c_str() : (name + ": " + value).c_str());
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    return list;
  }

  CURL* take() {
    {
      const std::scoped_lock lock(mutex_);
      if (!idle_.empty()) {
        CURL* const curl = idle_.back();
        idle_.pop_back();
        return curl;
      }
    }
    CURL* const curl = curl_easy_init();
    CHECK(curl != nullptr);
    return curl;
  }

  void give_back(CURL* curl) {
    curl_easy_reset(curl);  // keeps the connections
    const std::scoped_lock lock(mutex_);
    if (idle_.size() < kIdleHandlesMax) {
      idle_.push_back(curl);
    } else {
      curl_easy_cleanup(curl);
    }
  }

  std::mutex mutex_;
  std::vector<CURL*> idle_;
};

}  // namespace

std::unique_ptr<HttpClient> curl_client() { return std::make_unique<CurlClient>(); }

}  // namespace storage
