#include "sources/load_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <vector>

namespace sources {
namespace {

struct Request {
  std::string path;
  std::string producer;
  std::int64_t sequence = 0;
  std::string body;
};

// An HTTP/1.1 door on a loopback port that answers as it is told: a status for every request, or 0
// to take the request and hang up without an answer, as a killed server does.
class Door {
 public:
  using Answer = std::function<int(const Request&)>;

  explicit Door(Answer answer)
      : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = fmt::format("http://127.0.0.1:{}", ntohs(address.sin_port));
    threads_.emplace_back([this] { accept_all(); });
  }
  ~Door() {
    ::shutdown(listener_, SHUT_RDWR);
    threads_.front().join();
    {
      const std::lock_guard lock(mutex_);
      for (const int connection : connections_) ::shutdown(connection, SHUT_RDWR);
    }
    for (std::size_t i = 1; i < threads_.size(); ++i) threads_[i].join();
    ::close(listener_);
  }

  const std::string& url() const { return url_; }
  std::vector<Request> taken() {  // with status 200, or without an answer
    const std::lock_guard lock(mutex_);
    return taken_;
  }

 private:
  void accept_all() {
    for (int connection; (connection = ::accept(listener_, nullptr, nullptr)) >= 0;) {
      const std::lock_guard lock(mutex_);
      connections_.push_back(connection);
      threads_.emplace_back([this, connection] { serve(connection); });
    }
  }

  void serve(int connection) {
    std::string data;
    Request request;
    while (read_request(connection, data, request)) {
      int status = 0;
      {
        const std::lock_guard lock(mutex_);
        status = answer_(request);
        if (status == 200 || status == 0) taken_.push_back(request);
      }
      if (status == 0) break;
      const std::string text =
          fmt::format("HTTP/1.1 {} x\r\nContent-Length: 2\r\n\r\n{{}}", status);
      if (::send(connection, text.data(), text.size(), MSG_NOSIGNAL) < 0) break;
    }
    ::shutdown(connection, SHUT_RDWR);
  }

  static bool read_request(int connection, std::string& data, Request& request) {
    const auto more = [&] {
      char buffer[65536];
      const ssize_t n = ::recv(connection, buffer, sizeof(buffer), 0);
      if (n > 0) data.append(buffer, static_cast<std::size_t>(n));
      return n > 0;
    };
    std::size_t end = 0;
    while ((end = data.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return false;
    }
    const std::string head = data.substr(0, end);
    const auto header = [&](const std::string& name) {
      const std::size_t at = head.find(name + ": ");
      return at == std::string::npos
                 ? ""
                 : head.substr(at + name.size() + 2, head.find('\r', at) - at - name.size() - 2);
    };
    const std::size_t length = std::stoul(header("Content-Length"));
    while (data.size() < end + 4 + length) {
      if (!more()) return false;
    }
    request = {.path = head.substr(5, head.find(' ', 5) - 5),
               .producer = header("Waybill-Producer"),
               .sequence = std::stoll(header("Waybill-Sequence")),
               .body = data.substr(end + 4, length)};
    data.erase(0, end + 4 + length);
    return true;
  }

  Answer answer_;
  int listener_;
  std::string url_;
  std::mutex mutex_;
  std::vector<int> connections_;  // under mutex_, as is:
  std::vector<Request> taken_;
  std::vector<std::thread> threads_;
};

LoadOptions load(const Door& door) {
  return {.to = door.url(),
          .trucks = 500,
          .events_per_second = 2000,
          .duration_us = 2 * base::kUsPerSecond};
}

// The events that a server keeps which knows each producer's numbers: a repeated request adds
// nothing.
std::map<std::string, std::int64_t> kept(const std::vector<Request>& requests) {
  std::map<std::pair<std::string, std::string>, std::int64_t> next;
  std::map<std::string, std::int64_t> kept_by_topic;
  for (const Request& request : requests) {
    std::int64_t& expected = next[{request.path, request.producer}];
    const auto records = std::ranges::count(request.body, '\n');
    EXPECT_LE(request.sequence, expected)
        << "a gap in the numbers of producer " << request.producer;
    if (request.sequence < expected) {
      EXPECT_EQ(request.sequence + records, expected) << "a repeated request is the same request";
      continue;
    }
    expected += records;
    const std::string topic = request.path.substr(11, request.path.rfind('/') - 11);
    kept_by_topic[topic] += records;
  }
  return kept_by_topic;
}

TEST(LoadClient, SendsAtTheRateAndCountsWhatIsAcknowledged) {
  Door door([](const Request&) { return 200; });
  const auto report = run_simulate(load(door), base::SystemClock());
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_NEAR(static_cast<double>(report->acknowledged), 4000, 800);
  EXPECT_EQ(report->unacknowledged, 0);
  EXPECT_EQ(report->retries, 0);
  EXPECT_GT(report->p99_ms, 0);
  EXPECT_EQ(kept(door.taken()), report->by_topic);
}

TEST(LoadClient, RepeatsWhatWasNotAnsweredSoThatNothingIsLostOrDoubled) {
  int n = 0;
  Door door([&n](const Request&) {
    ++n;
    return n % 5 == 0 ? 0 : n % 7 == 0 ? 503 : n % 11 == 0 ? 429 : 200;
  });
  const auto report = run_simulate(load(door), base::SystemClock());
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_GT(report->retries, 3);
  EXPECT_EQ(report->unacknowledged, 0);
  EXPECT_EQ(kept(door.taken()), report->by_topic);
}

TEST(LoadClient, WritesDownWhatWasAcknowledged) {
  Door door([](const Request&) { return 200; });
  LoadOptions options = load(door);
  std::string folder = (std::filesystem::temp_directory_path() / "waybill-load-XXXXXX").string();
  options.ack_log = base::Path(mkdtemp(folder.data())) / "acks.jsonl";
  options.history_us = 600 * base::kUsPerSecond;
  const auto report = run_simulate(options, base::SystemClock());
  ASSERT_TRUE(report) << report.error().to_string();
  std::set<std::string> sent;
  for (const Request& request : door.taken()) {
    if (!request.path.contains("scans")) continue;
    for (std::size_t at = 0; at < request.body.size(); at = request.body.find('\n', at) + 1) {
      sent.insert(nlohmann::json::parse(request.body.substr(at, request.body.find('\n', at) - at))
                      .at("event_id"));
    }
  }
  std::int64_t records = 0;
  std::set<std::string> acknowledged;
  const std::string text = *base::read_file(base::posix_file_system(), options.ack_log);
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    const auto line = nlohmann::json::parse(text.substr(at, text.find('\n', at) - at));
    records += line.at("records").get<std::int64_t>();
    EXPECT_EQ(line.at("ids").size(), line.at("records").get<std::size_t>());
    if (line.at("topic") == "scans")
      acknowledged.insert(line.at("ids").begin(), line.at("ids").end());
  }
  EXPECT_EQ(records, report->acknowledged);
  EXPECT_FALSE(sent.empty());
  EXPECT_EQ(acknowledged, sent);
  std::filesystem::remove_all(folder);
}

TEST(LoadClient, EndsWithTheServersWordsWhenItRefuses) {
  Door door([](const Request&) { return 404; });
  const auto report = run_simulate(load(door), base::SystemClock());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, base::Code::kInvalid);
  EXPECT_TRUE(report.error().message.contains("404")) << report.error().message;
}

TEST(LoadClient, GivesUpOnAServerThatIsNotThere) {
  LoadOptions options{
      .to = "http://127.0.0.1:1", .trucks = 10, .events_per_second = 10, .give_up_us = 300'000};
  const auto report = run_simulate(options, base::SystemClock());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, base::Code::kUnavailable);
}

TEST(LoadClient, TakesRatesAsPeopleWriteThem) {
  EXPECT_EQ(*parse_rate("10000/s"), 10'000);
  EXPECT_EQ(*parse_rate("250"), 250);
  EXPECT_EQ(*parse_rate("max"), 0);
  for (const char* wrong : {"", "fast", "0", "-1/s", "10/m", "1e99"})
    EXPECT_FALSE(parse_rate(wrong)) << wrong;
}

TEST(LoadClient, RefusesARateThatTheFleetCannotReach) {
  const auto report =
      run_simulate({.trucks = 10, .events_per_second = 10'000}, base::SystemClock());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().mend, "ask for at most 250/s, or for more trucks");
}

}  // namespace
}  // namespace sources
