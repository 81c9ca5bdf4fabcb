#include "batch/task_http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <memory>

namespace batch {
namespace {

constexpr std::size_t kAnswerMax = 1UL << 20;  // that is kept for the log
constexpr long kConnectTimeoutMs = 10'000;
constexpr long kTimeoutMs = 3'600'000;  // the task's own timeout ends it before

struct Exchange {
  bool allow_private = false;
  std::string refused;  // an address that may not be called
  std::string answer;
  std::stop_token stop;
};

template <std::size_t kBytes>
bool in_range(const std::array<unsigned char, kBytes>& address,
              const std::array<unsigned char, kBytes>& net, int bits) {
  for (int i = 0; i < bits; ++i) {
    const auto byte = static_cast<std::size_t>(i / 8);
    const int shift = 7 - i % 8;
    if (((address[byte] >> shift) & 1) != ((net[byte] >> shift) & 1)) return false;
  }
  return true;
}

bool is_private_4(const std::array<unsigned char, 4>& a) {
  struct Net {
    std::array<unsigned char, 4> net;
    int bits;
  };
  static constexpr Net kNets[] = {
      {{0, 0, 0, 0}, 8},      {{10, 0, 0, 0}, 8},    {{100, 64, 0, 0}, 10}, {{127, 0, 0, 0}, 8},
      {{169, 254, 0, 0}, 16}, {{172, 16, 0, 0}, 12}, {{192, 0, 0, 0}, 24},  {{192, 168, 0, 0}, 16},
      {{198, 18, 0, 0}, 15},  {{224, 0, 0, 0}, 3}};
  return std::ranges::any_of(kNets, [&](const Net& n) { return in_range(a, n.net, n.bits); });
}

bool is_private_6(const std::array<unsigned char, 16>& a) {
  const bool zeros = std::all_of(a.begin(), a.begin() + 10, [](unsigned char b) { return b == 0; });
  const bool mapped = zeros && a[10] == 0xff && a[11] == 0xff;
  const bool compatible = zeros && a[10] == 0 && a[11] == 0;  // ::, ::1 and ::a.b.c.d
  const bool nat64 = a[0] == 0 && a[1] == 0x64 && a[2] == 0xff && a[3] == 0x9b;
  if (mapped || nat64) return is_private_4({a[12], a[13], a[14], a[15]});
  return compatible || (a[0] & 0xe0) != 0x20;  // only 2000::/3 is public
}

curl_socket_t open_socket(void* of, curlsocktype, curl_sockaddr* address) {
  auto& exchange = *static_cast<Exchange*>(of);
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address->family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address->addr, sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  } else {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address->addr, std::min<std::size_t>(sizeof v6, address->addrlen));
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  }
  if (!exchange.allow_private && is_private_address(text.data())) {
    exchange.refused = text.data();
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* of) {
  auto& exchange = *static_cast<Exchange*>(of);
  const std::size_t bytes = size * count;
  if (exchange.answer.size() < kAnswerMax)
    exchange.answer.append(data, std::min(bytes, kAnswerMax - exchange.answer.size()));
  return bytes;
}

int on_progress(void* of, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Exchange*>(of)->stop.stop_requested() ? 1 : 0;
}

std::int64_t retry_after_us(CURL* curl) {
  curl_off_t seconds = 0;
  if (curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK || seconds <= 0)
    return -1;
  return std::min<std::int64_t>(seconds, 86'400) * base::kUsPerSecond;
}

using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

Headers set_up(CURL* curl, const HttpTask& call, Exchange& exchange) {
  curl_slist* list = nullptr;
  for (const auto& [name, value] : call.headers)
    list = curl_slist_append(list, (name + ": " + value).c_str());
  curl_easy_setopt(curl, CURLOPT_URL, call.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, kTimeoutMs);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
  if (call.method == "HEAD") {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  } else {
    if (!call.body.empty() || call.method == "POST" || call.method == "PUT") {
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(call.body.size()));
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call.body.c_str());
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call.method.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &exchange);
  return {list, curl_slist_free_all};
}

}  // namespace

bool is_private_address(const std::string& address) {
  std::array<unsigned char, 4> v4{};
  if (::inet_pton(AF_INET, address.c_str(), v4.data()) == 1) return is_private_4(v4);
  std::array<unsigned char, 16> v6{};
  if (::inet_pton(AF_INET6, address.c_str(), v6.data()) == 1) return is_private_6(v6);
  return true;
}

TaskOutcome run_http(const HttpTask& call, TaskLog& log, std::stop_token stop) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 curl_easy_cleanup);
  Exchange exchange{.allow_private = call.allow_private, .refused = {}, .answer = {}, .stop = stop};
  const Headers headers = set_up(curl.get(), call, exchange);
  log.line(call.method + " " + call.url);
  const CURLcode code = curl_easy_perform(curl.get());
  if (stop.stop_requested()) return {.kind = TaskOutcome::Kind::kCancelled};
  if (!exchange.refused.empty())
    return {.kind = TaskOutcome::Kind::kFailed,
            .message = fmt::format("{} is a private address; write 'allow_private: true' if it may "
                                   "be called",
                                   exchange.refused),
            .final = true};
  if (code != CURLE_OK)
    return {.kind = TaskOutcome::Kind::kFailed,
            .message = fmt::format("no answer from {}: {}", call.url, curl_easy_strerror(code))};
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  log.line(fmt::format("status {}", status));
  if (!exchange.answer.empty()) log.line(exchange.answer);
  const bool good =
      call.expect.empty()
          ? status / 100 == 2
          : std::ranges::find(call.expect, static_cast<int>(status)) != call.expect.end();
  if (good) return {.message = fmt::format("status {}", status)};
  const bool passing = status >= 500 || status == 408 || status == 425 || status == 429;
  return {.kind = TaskOutcome::Kind::kFailed,
          .message = fmt::format("{} answered {}", call.url, status),
          .final = !passing,
          .retry_after_us = retry_after_us(curl.get())};
}

}  // namespace batch
