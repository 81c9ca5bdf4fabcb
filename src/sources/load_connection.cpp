#include "sources/load_connection.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>

namespace sources {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kQueuedRequestsMax = 4;
constexpr std::size_t kLatenciesMax = 4'000'000;
constexpr std::size_t kAnswerBytesMax = 64UL << 10;
constexpr long kTimeoutMs = 30'000;
constexpr auto kFirstPause = std::chrono::milliseconds(50);
constexpr auto kLongestPause = std::chrono::milliseconds(1'000);

std::size_t keep_answer(char* data, std::size_t size, std::size_t count, void* answer) {
  auto& text = *static_cast<std::string*>(answer);
  if (text.size() < kAnswerBytesMax) text.append(data, size * count);
  return size * count;
}

double ms_since(SteadyClock::time_point start) {
  return std::chrono::duration<double, std::milli>(SteadyClock::now() - start).count();
}

double percentile(std::vector<float> values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(at));
  return static_cast<double>(values[at]);
}

// Headers of one request; freed with the list.
using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

Headers headers_of(const LoadRequest& request) {
  curl_slist* list = curl_slist_append(nullptr, "Content-Type: application/x-ndjson");
  list = curl_slist_append(list, "Expect:");
  list = curl_slist_append(list, fmt::format("Waybill-Producer: {}", request.producer).c_str());
  list = curl_slist_append(list, fmt::format("Waybill-Sequence: {}", request.sequence).c_str());
  return {list, &curl_slist_free_all};
}

}  // namespace

LoadLedger::~LoadLedger() {
  if (ack_log_ != nullptr) std::fclose(ack_log_);
}

base::Result<> LoadLedger::open_ack_log(const base::Path& file) {
  ack_log_ = std::fopen(file.c_str(), "w");
  if (ack_log_ != nullptr) return {};
  return base::fail_with(base::Code::kIo, "cannot write the acknowledgement log " + file.string(),
                         "name a file in a folder that exists");
}

void LoadLedger::acknowledged(const LoadRequest& request, double ms) {
  const std::lock_guard lock(mutex_);
  report_.acknowledged += request.records;
  report_.by_topic[request.topic] += request.records;
  ++report_.requests;
  if (latencies_ms_.size() < kLatenciesMax) latencies_ms_.push_back(static_cast<float>(ms));
  if (ack_log_ == nullptr) return;
  fmt::print(ack_log_,
             R"({{"topic":"{}","producer":{},"sequence":{},"records":{},"ids":[{}]}})"
             "\n",
             request.topic, request.producer, request.sequence, request.records, request.ids);
  std::fflush(ack_log_);
}

void LoadLedger::retried() {
  const std::lock_guard lock(mutex_);
  ++report_.retries;
}

void LoadLedger::failed(base::Error error) {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = std::move(error);
}

bool LoadLedger::ended() const {
  const std::lock_guard lock(mutex_);
  return error_.has_value();
}

std::optional<base::Error> LoadLedger::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

LoadReport LoadLedger::report() const {
  const std::lock_guard lock(mutex_);
  LoadReport report = report_;
  report.p50_ms = percentile(latencies_ms_, 0.50);
  report.p99_ms = percentile(latencies_ms_, 0.99);
  return report;
}

LoadConnection::LoadConnection(std::string url, LoadLedger& ledger)
    : url_(std::move(url)), ledger_(ledger), thread_([this] { run(); }) {}

LoadConnection::~LoadConnection() { close(0); }

bool LoadConnection::push(LoadRequest request) {
  std::unique_lock lock(mutex_);
  while (queue_.size() >= kQueuedRequestsMax) {
    if (ledger_.ended()) return false;
    changed_.wait_for(lock, std::chrono::milliseconds(100));
  }
  queue_.push_back(std::move(request));
  changed_.notify_all();
  return !ledger_.ended();
}

std::int64_t LoadConnection::close(std::int64_t wait_us) {
  std::unique_lock lock(mutex_);
  closing_ = true;
  changed_.notify_all();
  changed_.wait_for(lock, std::chrono::microseconds(wait_us),
                    [&] { return queue_.empty() || ledger_.ended(); });
  abandoned_ = true;
  changed_.notify_all();
  lock.unlock();
  if (thread_.joinable()) thread_.join();
  std::int64_t left = 0;
  for (const LoadRequest& request : queue_) left += request.records;
  return left;
}

void LoadConnection::run() {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 &curl_easy_cleanup);
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return !queue_.empty() || closing_; });
    if (queue_.empty() || abandoned_) return;
    const LoadRequest& request =
        queue_.front();  // stays in place while the producer adds behind it
    lock.unlock();
    const bool acknowledged = send(curl.get(), request);
    lock.lock();
    if (!acknowledged) return;
    queue_.pop_front();
    changed_.notify_all();
  }
}

bool LoadConnection::send(void* curl, const LoadRequest& request) {
  const Headers headers = headers_of(request);
  const std::string url = fmt::format("{}/v1/topics/{}/records", url_, request.topic);
  std::string answer;
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, kTimeoutMs);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &keep_answer);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
  const auto start = SteadyClock::now();
  auto pause = kFirstPause;
  for (;;) {
    answer.clear();
    const CURLcode code = curl_easy_perform(curl);
    long status = 0;
    if (code == CURLE_OK) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200) {
      ledger_.acknowledged(request, ms_since(start));
      return true;
    }
    const bool refused = status >= 400 && status < 500 && status != 408 && status != 429;
    if (refused) {
      ledger_.failed(
          {.code = base::Code::kInvalid,
           .message = fmt::format("{} refused events with status {}: {}", url, status, answer),
           .mend = "give the server the project that has these topics"});
      return false;
    }
    if (ms_since(start) * 1000 > static_cast<double>(ledger_.give_up_us())) {
      ledger_.failed({.code = base::Code::kUnavailable,
                      .message = fmt::format("{} did not acknowledge anything for {}: {}", url,
                                             base::format_duration(ledger_.give_up_us()),
                                             code == CURLE_OK ? fmt::format("status {}", status)
                                                              : curl_easy_strerror(code)),
                      .mend = "start the server, or name another with --to"});
      return false;
    }
    ledger_.retried();
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, pause, [&] { return abandoned_; }) || ledger_.ended()) return false;
    pause = std::min(pause * 2, kLongestPause);
  }
}

}  // namespace sources
